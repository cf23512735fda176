"""What status.yaml says."""

import re
from fnmatch import fnmatchcase

from engine.config.check_main import address_kind
from engine.config.load import STATUS
from engine.config.loaded import Loaded
from engine.config.model import Place
from engine.config.model.status import ComponentConfig, StatusConfig

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
BY = {"channel": ("email", "e-mail"), "webhook": ("url", "webhook")}
"""By the key that names a channel: the kind of address that its subscribers have, and what it is called."""


def check_status(loaded: Loaded) -> None:
    """Note what is wrong with the status page."""
    status = loaded.status
    if status is None:
        return
    if not status.components:
        loaded.problems.error(loaded.where(status.place, "components"), "the page is of nothing", "name a component")
    for name, component in status.components.items():
        _check_component(loaded, name, component)
    _check_labels(loaded, status)
    _check_subscribing(loaded, status)


def _check_component(loaded: Loaded, name: str, component: ComponentConfig) -> None:
    if not _NAME.fullmatch(name):
        place = loaded.key(loaded.roots[STATUS].place, "components", name)
        loaded.problems.error(place, f'"{name}" is no name', "use small letters, digits and - only")
    if not component.label.strip():
        loaded.problems.error(loaded.where(component.place, "label"), "the public must know what it is")
    known = loaded.declared["detectors"]
    for index, glob in enumerate(component.detectors):
        if not any(fnmatchcase(each, glob) for each in known):
            loaded.problems.unknown(loaded.where(component.place, "detectors", index), "detector", glob, known)
    if component.attributes and not component.detectors:
        place = loaded.where(component.place, "attributes")
        loaded.problems.warning(place, "attributes have no effect without detectors", "name detectors")


def _check_labels(loaded: Loaded, status: StatusConfig) -> None:
    seen: dict[tuple[str, str], str] = {}
    for name, component in status.components.items():
        first = seen.setdefault((component.group, component.label), name)
        if first != name:
            place = loaded.where(component.place, "label")
            loaded.problems.error(place, f'"{component.label}" is the label of {first} too', "call one otherwise")


def _check_subscribing(loaded: Loaded, status: StatusConfig) -> None:
    for key, name in (("channel", status.channel), ("webhook", status.webhook)):
        if name:
            _check_way(loaded, loaded.where(status.place, key), name, *BY[key])
    if not 0 < status.confirm_within <= 30 * 86400.0:
        within = loaded.where(status.place, "confirm_within")
        loaded.problems.error(within, "a confirmation is waited for up to 30 days", "write 48h")
    if status.confirmations.count < 1:
        most = loaded.where(status.place, "confirmations")
        loaded.problems.error(most, "nobody could ever subscribe", "write 200 per 1h, or leave channel out")


def _check_way(loaded: Loaded, place: Place, name: str, kind: str, called: str) -> None:
    """Note what is wrong with a channel by which subscribers are told."""
    if name not in loaded.declared["channels"]:
        loaded.problems.unknown(place, "channel", name, loaded.declared["channels"])
    elif address_kind(loaded, name) not in {kind, ""}:
        who = "systems" if kind == "url" else "subscribers"
        loaded.problems.error(place, f"{name} is no {called}", f"{who} are told by {called}")
    elif kind == "url" and name in loaded.channels and loaded.channels[name].params.get("allow_internal"):
        what = f"{name} may ask addresses inside your network, and anyone may subscribe one"
        loaded.problems.error(place, what, "name a channel without allow_internal")
