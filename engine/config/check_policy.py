"""What policy.yaml says: hours, regions, caps, consent, inhibitions."""

import re
from collections.abc import Sequence

from babel import Locale

from engine.config.check_playbooks import check_when
from engine.config.load import POLICY
from engine.config.loaded import Loaded
from engine.config.model import BUILTIN, MOST_TURNS, Hours, Place, StreamLimits
from engine.config.problems import nearest

NEEDS_CONSENT = frozenset({"sms", "whatsapp", "voice"})
"""As `engine.policy.consent` has it, which would load the whole store."""
PURPOSES = ("service", "marketing")
C9_HALT = 0.003
"""Providers refuse mail of senders above it (https://support.google.com/a/answer/81126)."""
_STATES = (
    "AL AK AZ AR CA CO CT DE DC FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR "
    "PA RI SC SD TN TX UT VT VA WA WV WI WY AS GU MP PR UM VI"
)
US_STATES = tuple(f"US-{state}" for state in _STATES.split())
"""Subdivisions of the one country whose contact hours differ inside it (ISO 3166-2:US)."""
_REGION = re.compile(r"([A-Z]{2})(?:-([A-Z0-9]{1,3}))?")


def check_policy(loaded: Loaded) -> None:
    """Note what is wrong with the policy."""
    if POLICY not in loaded.roots:
        return
    start = loaded.roots[POLICY].place
    _check_hours(loaded, loaded.policy.hours, start, "hours")
    for name, hours in loaded.policy.regions.items():
        _check_region(loaded, name, start)
        _check_hours(loaded, hours, start, "regions", name)
    _check_caps(loaded, start)
    _check_consent(loaded, start)
    _check_streams(loaded, loaded.policy.streams, start)
    _check_conversations(loaded, start)
    _check_approvals(loaded, start)
    for index, inhibition in enumerate(loaded.policy.inhibit):
        check_when(loaded, inhibition.source, start, "inhibit", index, "source")
        check_when(loaded, inhibition.target, start, "inhibit", index, "target")


def _check_streams(loaded: Loaded, limits: StreamLimits, start: Place) -> None:
    if limits.least < 1 or limits.window < limits.least:
        loaded.problems.error(loaded.where(start, "streams"), "window is at least least, and that at least 1")
    for name, limit in (("complaints", limits.complaints), ("bounces", limits.bounces)):
        if not 0 < limit.warn <= limit.halt <= 1:
            loaded.problems.error(
                loaded.where(start, "streams", name), "warn comes before halt", "write shares as 0.1%"
            )
    if limits.complaints.halt > C9_HALT:
        place = loaded.where(start, "streams", "complaints")
        loaded.problems.error(place, f"a stream is halted at {C9_HALT:.1%} complaints at the latest (C9)", "write less")


def _check_hours(loaded: Loaded, hours: Hours, start: Place, *path: str) -> None:
    if hours.from_ == hours.to:
        place = loaded.where(start, *path)
        loaded.problems.error(place, "these hours are empty", 'write {from: "00:00", to: "24:00"} for the whole day')


def _check_approvals(loaded: Loaded, start: Place) -> None:
    how = loaded.policy.approvals
    known = loaded.main.escalations if loaded.main else {how.to: None}
    if how.to and how.to not in known:
        loaded.problems.unknown(loaded.where(start, "approvals", "to"), "escalation", how.to, known)
    if not how.expires:
        place = loaded.where(start, "approvals", "expires")
        loaded.problems.error(place, "nobody could ever agree in time", "write 12h, say")


def _check_region(loaded: Loaded, name: str, start: Place) -> None:
    place = loaded.key(start, "regions", name)
    countries = sorted(code for code in map(str, Locale("en").territories) if re.fullmatch("[A-Z]{2}", code))
    match = _REGION.fullmatch(name)
    if not match:
        loaded.problems.error(place, f'no region "{name}"', "write an ISO 3166 code such as AT or US-FL")
    elif match[1] not in countries:
        loaded.problems.error(place, f'no country "{match[1]}"', _near(match[1], countries))
    elif match[1] == "US" and match[2] and name not in US_STATES:
        loaded.problems.error(place, f'no region "{name}"', _near(name, US_STATES))


def _near(name: str, known: Sequence[str]) -> str:
    hint = nearest(name, known)
    return hint if hint.startswith("did") else "write an ISO 3166 code such as AT or US-FL"


def _check_caps(loaded: Loaded, start: Place) -> None:
    known = [*_channel_kinds(), *PURPOSES, "all", "status"]
    for name in loaded.policy.caps:
        if name not in known:
            loaded.problems.unknown(loaded.key(start, "caps", name), "cap", name, known)


def _check_consent(loaded: Loaded, start: Place) -> None:
    kinds = _channel_kinds()
    known = [*kinds, *(f"{kind}/{purpose}" for kind in kinds for purpose in PURPOSES)]
    for name, needed in loaded.policy.consent.items():
        place = loaded.key(start, "consent", name)
        kind, _, purpose = name.partition("/")
        if name not in known:
            loaded.problems.unknown(place, "channel or channel/purpose", name, known)
        elif needed == "implied" and (kind in NEEDS_CONSENT or purpose == "marketing"):
            loaded.problems.error(place, f"{name} always needs a stored consent", "write required, or leave it out")


def _check_conversations(loaded: Loaded, start: Place) -> None:
    rules, known = loaded.policy.conversations, [BUILTIN, *loaded.declared["desks"]]
    if rules.desk not in known:
        loaded.problems.unknown(loaded.where(start, "conversations", "desk"), "ticket desk", rules.desk, known)
    if not 0 <= rules.turns <= MOST_TURNS:
        place = loaded.where(start, "conversations", "turns")
        loaded.problems.error(place, f"{rules.turns} turns", f"write 0 to {MOST_TURNS}: then a person takes over")


def _channel_kinds() -> list[str]:
    from outreach.registry import channel_types  # noqa: PLC0415 -- reads a folder: only where a policy is checked

    return sorted({*channel_types(), *NEEDS_CONSENT})
