"""What must hold after a month, whatever happened in it: looked at with plain code that shares none with the engine."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from engine.store.models import Consent, DecisionRow, Intent, Issue
from tests.months.town import DAY, Carried, Town

OURS = "on-call@example.org"
CLOSED = {"resolved", "dismissed"}
PROMISES_KEPT_LATER = 2 * DAY
"""A closing message may wait for the morning and for a provider that is down."""


@dataclass(frozen=True, slots=True)
class Books:
    """Everything that was written down."""

    intents: dict[str, Intent]
    decisions: dict[str, list[DecisionRow]]
    issues: dict[str, Issue]
    consents: dict[str, list[Consent]]


def books(session: Session) -> Books:
    """Read them."""
    decisions: dict[str, list[DecisionRow]] = defaultdict(list)
    for row in session.exec(select(DecisionRow)).all():
        decisions[row.intent].append(row)
    consents: dict[str, list[Consent]] = defaultdict(list)
    for entry in session.exec(select(Consent)).all():
        consents[entry.entity].append(entry)
    intents = {row.id: row for row in session.exec(select(Intent)).all()}
    return Books(intents, decisions, {row.id: row for row in session.exec(select(Issue)).all()}, consents)


def faults(town: Town) -> list[str]:
    """Return everything that should not have been, one sentence each."""
    with town.database.reading() as session:
        read = books(session)
        session.expunge_all()
    carried = [each for provider in town.providers.values() for each in provider.carried if each.message.to != OURS]
    told = list(_apart(carried, read))
    return [
        *_twice(carried),
        *_twice(told),
        *_unlike(carried, told),
        *_at_night(town, carried, read),
        *_over_cap(town, carried, read),
        *_over_playbook(told, read),
        *_after_opt_out(carried, read),
        *_left_open(town, told, read),
        *_without_reason(read),
        *_counts(told, read),
    ]


def digests(carried: list[Carried]) -> list[Carried]:
    """Return those messages that told of several issues."""
    return [each for each in carried if "issues" in each.message.data]


def _named(each: Carried) -> list[str]:
    """Return the issues that a digest names; none, where it is none."""
    found: Any = each.message.data.get("issues", ())
    return [one["id"] for one in found]


def _apart(carried: list[Carried], read: Books) -> Iterator[Carried]:
    """Yield what was told, one for each issue: a digest is one contact, and tells of several."""
    by_text: dict[tuple[str, str], list[Intent]] = defaultdict(list)
    for intent in read.intents.values():
        if intent.kind == "message" and "text" in intent.payload:
            by_text[intent.recipient, intent.payload["text"]].append(intent)
    for each in carried:
        issues = _named(each)
        if not issues:
            yield each
            continue
        who = read.intents[each.message.id].recipient
        for intent in by_text[who, each.message.text]:
            if intent.issue in issues:
                yield replace(each, message=replace(each.message, id=intent.id))


def _unlike(carried: list[Carried], told: list[Carried]) -> Iterator[str]:
    """Every issue that a digest names is one that counts as told by it, and no more of them than may be are in one."""
    counts = Counter((each.at, each.message.to, each.message.text) for each in told)
    for each in digests(carried):
        named = len(_named(each))
        if counts[each.at, each.message.to, each.message.text] != named or not 2 <= named <= 3:
            yield f"{each.message.id} tells of {named} issues, and not all of them count as told by it"


def _twice(carried: list[Carried]) -> Iterator[str]:
    for id_, count in Counter(each.message.id for each in carried).items():
        if count > 1:
            yield f"{id_} was sent {count} times"


def _local(town: Town, each: Carried, read: Books) -> datetime:
    zone = ZoneInfo(town.zones[read.intents[each.message.id].recipient])
    return datetime.fromtimestamp(each.at, zone)


def _at_night(town: Town, carried: list[Carried], read: Books) -> Iterator[str]:
    for each in carried:
        local = _local(town, each, read)
        if not 8 <= local.hour < 21:
            yield f"{each.message.id} went out at {local:%H:%M} there"


def _over_cap(town: Town, carried: list[Carried], read: Books) -> Iterator[str]:
    """Opening messages: one text and five in all on a day of the person's own."""
    days: Counter[tuple[str, str, str]] = Counter()
    for each in sorted(carried, key=lambda one: one.at):
        intent = read.intents[each.message.id]
        day = f"{_local(town, each, read):%Y-%m-%d}"
        days[intent.recipient, day, each.channel] += 1
        days[intent.recipient, day, "all"] += 1
        if intent.occasion != "opened":
            continue
        for name, most in ((each.channel, {"sms": 1}.get(each.channel, 99)), ("all", 5)):
            if days[intent.recipient, day, name] > most:
                yield f"{each.message.id} was one too many of {name} on {day}"


CAPPED = frozenset({"api-errors", "nightly-job"})
"""Playbooks of which a person is told twice within a day at most."""


def _over_playbook(told: list[Carried], read: Books) -> Iterator[str]:
    """Of one playbook a person is told twice within a day at most; what is told together is one contact."""
    contacts: dict[tuple[str, str], list[float]] = defaultdict(list)
    for each in sorted(told, key=lambda one: one.at):
        intent = read.intents[each.message.id]
        earlier = contacts[intent.recipient, intent.playbook]
        if intent.playbook not in CAPPED or intent.occasion != "opened" or each.at in earlier:
            continue
        if sum(at > each.at - DAY for at in earlier) >= 2:
            yield f"{each.message.id} was one too many of its playbook"
        earlier.append(each.at)


def _after_opt_out(carried: list[Carried], read: Books) -> Iterator[str]:
    for each in carried:
        intent = read.intents[each.message.id]
        entries = [entry for entry in read.consents[intent.recipient] if entry.at < each.at]
        stops = [entry.at for entry in entries if entry.state == "withdrawn"]
        grants = [
            entry.at
            for entry in entries
            if entry.state == "granted"
            and entry.channel in {"*", each.channel}
            and entry.address in {"", each.message.to}
        ]
        allowed = max(grants, default=0.0) > max(stops, default=0.0) if stops or each.channel == "sms" else True
        if not allowed:
            yield f"{each.message.id} went out by {each.channel} after an opt-out, or without consent"


def _left_open(town: Town, carried: list[Carried], read: Books) -> Iterator[str]:
    """Whoever was told hears how it ended, once, on the same channel; or there is a decision that says why not."""
    told: dict[tuple[str, str], list[Carried]] = defaultdict(list)
    closing = _closing(read)
    for each in sorted(carried, key=lambda one: one.at):
        intent = read.intents[each.message.id]
        told[intent.issue, intent.recipient].append(each)
    for (issue, recipient), messages in told.items():
        row = read.issues[issue]
        kinds = [read.intents[each.message.id].occasion for each in messages]
        yield from _turns(issue, recipient, kinds)
        if len({each.message.to for each in messages}) > 1:
            yield f"{recipient} was told of {issue} in several places"
        ended = row.status in CLOSED and (row.resolved_at or town.now) < town.now - PROMISES_KEPT_LATER
        if ended and kinds[-1] == "opened" and not _excused(closing.get((issue, recipient), []), read):
            yield f"{recipient} never heard how {issue} ended"


def _turns(issue: str, recipient: str, kinds: list[str]) -> Iterator[str]:
    for before, after in pairwise(kinds):
        if (before == "opened") == (after == "opened"):
            yield f"{recipient} heard {before} and then {after} of {issue}"
    if kinds[0] != "opened":
        yield f"{recipient} heard the end of {issue} and not its beginning"


def _closing(read: Books) -> dict[tuple[str, str], list[Intent]]:
    """Return what was to tell the end, by issue and person."""
    found: dict[tuple[str, str], list[Intent]] = defaultdict(list)
    for intent in read.intents.values():
        if intent.occasion != "opened":
            found[intent.issue, intent.recipient].append(intent)
    return found


def _excused(closing: list[Intent], read: Books) -> bool:
    allowed = {"opted_out", "suppressed", "no_consent", "suspended", "objected"}
    reasons = {row.reason for intent in closing for row in read.decisions[intent.id] if row.verdict == "skip"}
    return bool(reasons & allowed) or any(intent.status == "failed" for intent in closing)


def _without_reason(read: Books) -> Iterator[str]:
    for intent in read.intents.values():
        if intent.status == "skipped":
            rows = read.decisions[intent.id]
            latest = max((row.at for row in rows), default=None)  # it may be decided twice in one moment
            if not any(row.at == latest and row.verdict == "skip" and row.reason for row in rows):
                yield f"{intent.id} was skipped and nobody knows why"
        if intent.status == "failed" and not intent.detail:
            yield f"{intent.id} failed and nobody knows why"


def _counts(carried: list[Carried], read: Books) -> Iterator[str]:
    messages = [intent for intent in read.intents.values() if intent.kind == "message"]
    by_status = Counter(intent.status for intent in messages)
    known = {"pending", "sent", "failed", "skipped", "unknown"}
    if set(by_status) - known:
        yield f"some are left in between: {dict(by_status)}"
    taken = {each.message.id for each in carried}
    said = {intent.id for intent in messages if intent.status == "sent"}
    if said - taken:
        yield f"{len(said - taken)} count as sent and nobody took them"
    lost = {id_ for id_ in taken - said if read.intents[id_].status != "unknown"}
    if lost:
        yield f"{len(lost)} were taken and count as something else: {sorted(lost)[:3]}"
