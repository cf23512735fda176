"""What forewarn.yaml and channels.yaml say."""

from urllib.parse import urlsplit

from babel import Locale, UnknownLocaleError
from babel.localedata import locale_identifiers

from engine.config import convert
from engine.config.check_connectors import check_connector
from engine.config.check_log import check_log
from engine.config.load import MAIN
from engine.config.loaded import Loaded
from engine.config.model import BEST, IN_DATABASE, PREFERRED, Escalation, MainConfig, Place, StoreConfig
from engine.config.problems import nearest
from engine.config.secrets import Secret, Unset
from engine.config.yamlsource import Scalar
from outreach.address import FORMS

SCHEMES = frozenset({"postgresql", "postgres", "postgresql+psycopg"})
SECRET = 32
FEWEST = 4
"""Connections that the threads of one process need at least."""
STANDS_FOR = {PREFERRED: "it stands for the person's own", BEST: "it stands for what has worked"}
"""In a list of channels: the recipient's own choice, so no name for a channel."""


def check_main(loaded: Loaded) -> None:
    """Note what is wrong with the main file and the channels."""
    _check_channels(loaded)
    if loaded.main is not None:
        _check_numbers(loaded, loaded.main)
        _check_texts(loaded, loaded.main)
        _check_store(loaded, loaded.main.store)
        _check_snapshots(loaded, loaded.main)
        check_log(loaded, loaded.main.log)
        _check_links(loaded, loaded.main)
        for name, escalation in loaded.main.escalations.items():
            _check_escalation(loaded, name, escalation)


def _at(loaded: Loaded, *path: str) -> Place:
    return loaded.where(loaded.roots[MAIN].place, *path)


def _check_numbers(loaded: Loaded, main: MainConfig) -> None:
    if not 0 <= main.listen.port <= 65535:
        loaded.problems.error(_at(loaded, "listen", "port"), f"{main.listen.port} is no port", "write 1 to 65535")
    if not main.events.idle > 0:
        loaded.problems.error(_at(loaded, "events", "idle"), "a series is quiet after some time: write 30d, say")
    if main.events.partitions < 1:
        loaded.problems.error(_at(loaded, "events", "partitions"), "there is at least one partition")
    if main.retention.snapshots < 1:
        loaded.problems.error(_at(loaded, "retention", "snapshots"), "at least one snapshot is kept")
    if main.retention.models < 1:
        loaded.problems.error(_at(loaded, "retention", "models"), "at least one version of a model is kept")
    if main.snapshot_every <= 0:
        loaded.problems.error(_at(loaded, "snapshot_every"), "must be longer than nothing", "write 1m")


def _check_store(loaded: Loaded, store: StoreConfig) -> None:
    error = loaded.problems.error
    url = urlsplit(store.url)
    if store.url and (url.scheme not in SCHEMES or not url.path.strip("/")):
        error(_at(loaded, "store", "url"), "is no address of a PostgreSQL", "write postgresql://user@host/database")
    if url.password:
        error(_at(loaded, "store", "url"), "a password stands in it", "write password: {env: NAME} beside url")
    if store.password and not isinstance(store.password, Secret):
        error(_at(loaded, "store", "password"), "a password stands here", "write {env: NAME} or {file: PATH}")
    if isinstance(store.password, Unset):
        error(_at(loaded, "store", "password"), store.password.reason, "set it, or leave password out")
    if (store.password or store.pool != StoreConfig().pool) and not store.url:
        error(_at(loaded, "store"), "it has no url", "write url: postgresql://user@host/database")
    if store.pool < FEWEST:
        error(_at(loaded, "store", "pool"), f"{store.pool} connections are too few", f"write {FEWEST} or more")


def _check_snapshots(loaded: Loaded, main: MainConfig) -> None:
    error, place, url = loaded.problems.error, _at(loaded, "snapshots", "url"), main.snapshots.url
    parts = urlsplit(url)
    if main.log.kafka and not url:
        what = "workers on other machines do not find the snapshots in this one's data folder"
        loaded.problems.warning(loaded.where(loaded.roots[MAIN].place, "log"), what, "write snapshots: {url: …}")
    if url and url != IN_DATABASE and not (parts.scheme and (parts.netloc or parts.path.strip("/"))):
        error(place, f'"{url}" is no place for snapshots', "write s3://bucket/…, file:///folder or database")
    elif parts.scheme == "file" and parts.netloc:
        error(place, "a folder of another machine cannot be named so", "mount it, and write file:///…")
    elif parts.password or parts.query:
        error(place, "a secret may stand in it", "let the store's own variables tell it, such as AWS_SECRET_ACCESS_KEY")


def _check_links(loaded: Loaded, main: MainConfig) -> None:
    place, secret = _at(loaded, "link_secret"), main.link_secret
    if isinstance(secret, Unset):
        loaded.problems.error(place, secret.reason, "set it, or leave link_secret out")
    elif secret and not isinstance(secret, Secret):
        loaded.problems.error(place, "a secret stands here", "write {env: NAME} or {file: PATH}")
    elif secret and len(secret) < SECRET:
        loaded.problems.error(place, "too short to sign with", f"write {SECRET} characters or more, at random")
    elif main.log.kafka and not secret:
        what = "processes on other machines do not know what links are signed with"
        loaded.problems.warning(loaded.where(loaded.roots[MAIN].place, "log"), what, "write link_secret: {env: NAME}")


def _check_texts(loaded: Loaded, main: MainConfig) -> None:
    if not main.sender.company.strip():
        loaded.problems.error(_at(loaded, "sender", "company"), "customers must know who writes to them")
    if not FORMS["url"][0].fullmatch(main.listen.public_url):
        place = _at(loaded, "listen", "public_url")
        loaded.problems.error(place, f'"{main.listen.public_url}" is no URL', "write https://…")
    try:
        convert.clock(Scalar(Place("", 0, 0), main.report_at, main.report_at))
    except ValueError as error:
        loaded.problems.error(_at(loaded, "report_at"), str(error))
    _check_locale(loaded, main.locale)


def _check_locale(loaded: Loaded, locale: str) -> None:
    try:
        Locale.parse(locale.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        known = [each.replace("_", "-") for each in locale_identifiers()]
        near = nearest(locale, known)
        hint = near if near.startswith("did") else "write a language code such as en or de-AT"
        loaded.problems.error(_at(loaded, "locale"), f'no locale "{locale}"', hint)


def _check_escalation(loaded: Loaded, name: str, escalation: Escalation) -> None:
    if escalation.channel not in loaded.declared["channels"]:
        place = _at(loaded, "escalations", name, "channel")
        loaded.problems.unknown(place, "channel", escalation.channel, loaded.declared["channels"])
        return
    kind = address_kind(loaded, escalation.channel)
    if kind in FORMS and not FORMS[kind][0].fullmatch(escalation.address):
        place = _at(loaded, "escalations", name, "address")
        loaded.problems.error(place, f'"{escalation.address}" is no address for it', f"write {FORMS[kind][1]}")


def address_kind(loaded: Loaded, channel: str) -> str:
    """Return which kind of address a channel sends to; empty if the channel could not be read."""
    from outreach.registry import channel_class  # noqa: PLC0415 -- heavy: only where there is a channel

    config = loaded.channels.get(channel)
    return channel_class(config.type).address if config else ""


def _check_channels(loaded: Loaded) -> None:
    from outreach.registry import channel_class  # noqa: PLC0415 -- heavy: only where there is a channel

    for word, why in STANDS_FOR.items():
        if word in loaded.declared["channels"]:
            loaded.problems.error(loaded.declared["channels"][word], f'a channel cannot be called "{word}"', why)
    for config in loaded.channels.values():
        check_connector(loaded, config, channel_class)
