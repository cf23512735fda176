"""How well a run did, held against what really happened: only where the truth is known, as in a simulation.

An issue and an incident **match** when the issue is about one of the incident's accounts, its detector is one that is
right to speak of such an incident, and the issue was open at some moment from the incident's onset, less `SLACK`, to
its end, plus `SLACK`.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

import numpy as np
from msgspec import Struct
from sqlmodel import Session, col, select

from engine.simulate.truth import Incident, Truth
from engine.store.models import Intent, Issue

SLACK = 3600.0
"""Seconds: a detector's windows and its recovery lag behind what really happens."""
WEEK = 7 * 86400.0


class Told(Struct, frozen=True):
    """A message that opened an outreach about an issue."""

    issue: str
    account: str
    at: float


class Seen(Struct, frozen=True):
    """An issue, as far as scoring needs it."""

    id: str
    detector: str
    account: str
    opened_at: float
    """Event time."""
    noticed_at: float
    """The engine's clock."""
    ended_at: float
    """Infinite while it is open."""


class Found(Struct, frozen=True):
    """How well incidents of one sort were detected."""

    incidents: int
    found: int
    """Incidents with a matching issue for at least one account."""
    affected: int
    """Pairs of incident and account."""
    affected_found: int
    affected_warned: int
    """Pairs whose account was sent a message about a matching issue before the incident's end plus `SLACK`."""
    would_contact: int
    warned_before: int
    median_delay: float | None
    """Seconds from onset to the engine noticing, over the pairs found."""


class Moment(Struct, frozen=True):
    """One affected account of one incident, for the picture."""

    wave: str
    account: str
    onset: float
    end: float
    told_at: float | None
    contact_at: float | None


class Scorecard(Struct, frozen=True):
    """The numbers of a run. Shares are from 0 to 1; None where there was nothing to divide by."""

    scenario: str
    seed: int
    accounts: int
    days: float
    would_contact: int
    """Contacts that would have come about incidents, had nobody told the customers."""
    warned_before: int
    """Of these: how many customers had been sent a message about a matching issue before that moment."""
    share_warned: float | None
    """warned_before / would_contact."""
    affected: int
    """Accounts touched by incidents, counted once for each incident."""
    affected_warned: int
    share_affected_warned: float | None
    lead_lower: float | None
    lead_median: float | None
    """Seconds from our first message to the contact that would have come, over those warned before: the median."""
    lead_upper: float | None
    messages: int
    """Opening messages sent to customers."""
    without_cause: int
    """Of these: how many were about an issue that matches no incident."""
    without_cause_rate: float
    """Of these: per thousand accounts of the whole fleet and week."""
    issues: int
    issues_without_cause: int
    causeless: tuple[str, ...]
    """Ids of the issues that match no incident."""
    by_wave: dict[str, Found]
    without_cause_by_detector: dict[str, int]
    """Messages without cause by detector."""
    moments: tuple[Moment, ...]


def score(session: Session, truth: Truth) -> Scorecard:
    """Hold what is in the database against the truth."""
    return compare(_issues(session), _told(session), truth)


def compare(issues: Sequence[Seen], told: Sequence[Told], truth: Truth) -> Scorecard:
    """Hold issues and messages against the truth."""
    matches = _Matches(issues, told, truth)
    moments = tuple(matches.moments())
    leads = [each.contact_at - each.told_at for each in moments if _in_time(each)]  # type: ignore[operator]  # both set
    without = [each for each in told if each.issue not in matches.caused]
    would = sum(each.contact_at is not None for each in moments)
    warned = sum(_warned(each) for each in moments)
    quartiles = np.percentile(leads, (25, 50, 75)).tolist() if leads else (None, None, None)
    detectors = {each.id: each.detector for each in issues}
    blamed: dict[str, int] = defaultdict(int)
    for each in without:
        blamed[detectors.get(each.issue, "")] += 1
    causeless = tuple(each.id for each in issues if each.id not in matches.caused)
    weeks = (truth.end - truth.start) / WEEK
    return Scorecard(
        scenario=truth.scenario,
        seed=truth.seed,
        accounts=truth.accounts,
        days=(truth.end - truth.start) / 86400.0,
        would_contact=would,
        warned_before=len(leads),
        share_warned=_share(len(leads), would),
        affected=len(moments),
        affected_warned=warned,
        share_affected_warned=_share(warned, len(moments)),
        lead_lower=quartiles[0],
        lead_median=quartiles[1],
        lead_upper=quartiles[2],
        messages=len(told),
        without_cause=len(without),
        without_cause_rate=len(without) / (truth.accounts / 1000.0) / weeks,
        issues=len(issues),
        issues_without_cause=len(causeless),
        causeless=causeless,
        by_wave=matches.by_wave(moments),
        without_cause_by_detector=dict(sorted(blamed.items())),
        moments=moments,
    )


class _Matches:
    """Which issues belong to which incident."""

    def __init__(self, issues: Iterable[Seen], told: Iterable[Told], truth: Truth) -> None:
        self._truth = truth
        self._issues: dict[str, list[Seen]] = defaultdict(list)
        for issue in issues:
            self._issues[issue.account].append(issue)
        self._told: dict[str, list[float]] = defaultdict(list)
        for message in told:
            self._told[message.issue].append(message.at)
        pairs = [(incident, account) for incident in truth.incidents for account in incident.accounts]
        self._found = {(incident.id, account): self._match(incident, account) for incident, account in pairs}
        self.caused = {issue.id for found in self._found.values() for issue in found}
        """Ids of the issues that match any incident."""

    def _match(self, incident: Incident, account: str) -> list[Seen]:
        return [issue for issue in self._issues.get(account, ()) if matches(issue, incident)]

    def moments(self) -> Iterable[Moment]:
        """Yield each affected account with its first message in time, and its contact."""
        for incident in self._truth.incidents:
            contacts = {each.account: each.at for each in incident.contacts}
            for account in incident.accounts:
                sent = [at for issue in self._found[incident.id, account] for at in self._told[issue.id]]
                yield Moment(
                    wave=incident.wave,
                    account=account,
                    onset=incident.onset,
                    end=incident.end,
                    told_at=min(sent, default=None),
                    contact_at=contacts.get(account),
                )

    def by_wave(self, moments: Iterable[Moment]) -> dict[str, Found]:
        """Return how each sort of incident fared."""
        grouped: dict[str, list[Incident]] = defaultdict(list)
        for incident in self._truth.incidents:
            grouped[incident.wave].append(incident)
        named: dict[str, list[Moment]] = defaultdict(list)
        for moment in moments:
            named[moment.wave].append(moment)
        return {wave: self._wave(incidents, named[wave]) for wave, incidents in grouped.items()}

    def _wave(self, incidents: Sequence[Incident], moments: Sequence[Moment]) -> Found:
        pairs = [
            (incident, self._found[incident.id, account]) for incident in incidents for account in incident.accounts
        ]
        delays = [min(issue.noticed_at for issue in found) - incident.onset for incident, found in pairs if found]
        return Found(
            incidents=len(incidents),
            found=len({incident.id for incident, found in pairs if found}),
            affected=len(pairs),
            affected_found=len(delays),
            affected_warned=sum(_warned(each) for each in moments),
            would_contact=sum(each.contact_at is not None for each in moments),
            warned_before=sum(_in_time(each) for each in moments),
            median_delay=float(np.median(delays)) if delays else None,
        )


def matches(issue: Seen, incident: Incident) -> bool:
    """Return whether an issue of one of an incident's accounts is about it: the definition is above.

    >>> incident = Incident("i-1", "outage", "api-errors", ("api-*",), ("account/a",), onset=10_000.0, end=20_000.0)
    >>> matches(Seen("x", "api-errors", "account/a", 12_000.0, 12_600.0, float("inf")), incident)
    True
    >>> matches(Seen("x", "storage-full", "account/a", 12_000.0, 12_600.0, float("inf")), incident)
    False
    """
    right = any(fnmatchcase(issue.detector, glob) for glob in incident.detectors)
    return right and issue.opened_at <= incident.end + SLACK and issue.ended_at >= incident.onset - SLACK


def _in_time(moment: Moment) -> bool:
    """Whether the customer was told before they would have called."""
    return moment.told_at is not None and moment.contact_at is not None and moment.told_at < moment.contact_at


def _warned(moment: Moment) -> bool:
    """Whether the customer was told while it was of use."""
    return moment.told_at is not None and moment.told_at <= moment.end + SLACK


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _issues(session: Session) -> list[Seen]:
    rows = session.exec(select(Issue).order_by(col(Issue.opened_at), col(Issue.id))).all()
    return [
        Seen(
            id=row.id,
            detector=row.detector,
            account=row.account or row.subject,
            opened_at=row.opened_at,
            noticed_at=row.noticed_at,
            ended_at=float("inf") if row.resolved_at is None else row.resolved_at,
        )
        for row in rows
    ]


def _told(session: Session) -> list[Told]:
    sent = select(Intent).where(Intent.kind == "message", Intent.occasion == "opened", Intent.status == "sent")
    rows = session.exec(sent.order_by(col(Intent.sent_at), col(Intent.id))).all()
    return [Told(row.issue, row.account or "", row.sent_at) for row in rows if row.sent_at is not None]
