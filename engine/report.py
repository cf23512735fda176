"""What an engine did between two moments, as numbers: what is told to those who answer for it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from sqlalchemy import ColumnElement, and_, func
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, select

from engine import goodwill
from engine.config.model import SEVERITIES
from engine.defects import Figures, by_owner
from engine.evaluations import Evaluation, evaluations
from engine.experiments import Arm, experiments
from engine.goodwill import Granted
from engine.issues.view import ACTIVE
from engine.playbooks import CLOSING
from engine.store.models import CustomerContact, DecisionRow, DeskTicket, Intent, Issue, Label, LeadTime, Ticket


class Issues(Struct, frozen=True):
    """Issues that opened (by the engine's clock), and what became of them since."""

    opened: int
    still_open: int
    reopened: int
    """Of those opened: how many came back at least once."""
    flapping: int
    by_detector: dict[str, dict[str, int]]
    """Detector → severity (the one it has now) → how many."""


class Outreach(Struct, frozen=True):
    """What left the outbox."""

    opened: dict[str, int]
    """Opening messages sent, by channel."""
    closed: dict[str, int]
    """Closing messages sent (resolved, correction, expiry), by channel."""
    people: int
    """How many people got any message."""
    accounts: int
    """How many accounts were told of any issue."""
    escalations: int
    failed: int
    """Messages, tickets and escalations that were given up."""
    unknown: int
    """Those of which it is not known whether they arrived."""


class Tickets(Struct, frozen=True):
    """Tickets, at all desks."""

    opened: int
    resolved: int
    by_queue: dict[str, int]


class Lead(Struct, frozen=True):
    """How long before they contacted us, or the thing failed, customers had been told. Times in seconds."""

    reached: int
    """Contacts and failures that were about an issue (the first of each issue and customer)."""
    warned: int
    """Of these: how many had been told before."""
    share_warned: float | None
    """warned / reached; None if nothing was reached."""
    lower_quartile: float | None
    median: float | None
    upper_quartile: float | None


class Precision(Struct, frozen=True):
    """What agents found out about a detector's issues."""

    true: int
    false: int
    unclear: int
    precision: float | None
    """true / (true + false), over the latest verdict on each issue; None without any."""


class Trial(Struct, frozen=True):
    """What a detector that is on trial (`shadow: true`) found, and what it would have been worth."""

    opened: int
    verdicts: Precision
    foreseen: int
    """Contacts about which nothing was known, of accounts for which it had an issue open."""
    median_lead: float | None
    """Seconds from it noticing to such a contact."""


class Contacts(Struct, frozen=True):
    """Customers who contacted us."""

    total: int
    missed: int
    """Contacts for which there was no issue: what nobody foresaw."""
    by_channel: dict[str, int]


class Report(Struct, frozen=True):
    """All numbers of one span of time; `since` is in it, `until` is not (epoch seconds)."""

    since: float
    until: float
    issues: Issues
    decisions: dict[str, dict[str, int]]
    """Verdict (send, hold, skip) → reason → how often it was decided."""
    outreach: Outreach
    tickets: Tickets
    contacts: Contacts
    lead: Lead
    precision: dict[str, Precision]
    """By detector."""
    trials: dict[str, Trial] = {}
    """By detector that is on trial; what they find counts nowhere else."""
    predictions: dict[str, Evaluation] = {}
    """By learned detector: how good it is by now, whatever the span."""
    defects: dict[str, Figures] = {}
    """By owner: what defects of theirs caused that are to be removed."""
    experiments: dict[str, dict[str, Arm]] = {}
    """By A/B experiment and arm."""
    goodwill: dict[str, Granted] = {}
    """By remedy."""


def measure(session: Session, since: float, until: float) -> Report:
    """Return the report of what happened from `since` to before `until` (epoch seconds)."""
    span = _Span(session, since, until)
    return Report(
        since=since,
        until=until,
        issues=_issues(span),
        decisions=_decisions(span),
        outreach=_outreach(span),
        tickets=_tickets(span),
        contacts=_contacts(span),
        lead=_lead(span),
        precision=_precision(span),
        trials=_trials(span),
        predictions={each.detector: each for each in evaluations(session)},
        defects=by_owner(session, since, until),
        experiments=experiments(session, since, until),
        goodwill=goodwill.summary(session, since, until),
    )


class _Span:
    """Counts rows whose time lies in a span."""

    def __init__(self, session: Session, since: float, until: float) -> None:
        self.session = session
        self._since, self._until = since, until

    def holds(self, moment: Any) -> ColumnElement[bool]:
        """Return the condition that a column of times lies in the span."""
        return and_(col(moment) >= self._since, col(moment) < self._until)

    def count(self, moment: Any, *where: ColumnElement[bool]) -> int:
        """Return how many rows have `moment` in the span."""
        found: int = self.session.exec(select(func.count()).where(self.holds(moment), *where)).one()
        return found

    def group(self, moment: Any, *columns: Any, where: Sequence[ColumnElement[bool]] = ()) -> list[tuple[Any, ...]]:
        """Return the values of `columns` with how many rows of the span have them."""
        counted = sql_select(*columns, func.count()).where(self.holds(moment), *where).group_by(*columns)
        return [tuple(row) for row in self.session.execute(counted.order_by(*columns)).all()]

    def counts(self, moment: Any, column: Any) -> dict[str, int]:
        """Return how many rows of the span have each value of `column`."""
        return {str(name): int(count) for name, count in self.group(moment, column)}


def _issues(span: _Span) -> Issues:
    opened, real = Issue.noticed_at, col(Issue.shadow).is_(False)
    by_detector: dict[str, dict[str, int]] = {}
    for detector, severity, count in span.group(opened, Issue.detector, Issue.severity, where=(real,)):
        by_detector.setdefault(detector, {})[severity] = count
    return Issues(
        opened=span.count(opened, real),
        still_open=span.count(opened, real, col(Issue.status).in_(ACTIVE)),
        reopened=span.count(opened, real, col(Issue.reopened) > 0),
        flapping=span.count(opened, real, col(Issue.flapping).is_(True)),
        by_detector={name: _worst_first(counts) for name, counts in by_detector.items()},
    )


def _worst_first(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: counts[name] for name in sorted(counts, key=SEVERITIES.index, reverse=True)}


def _decisions(span: _Span) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for verdict, reason, count in span.group(DecisionRow.at, DecisionRow.verdict, DecisionRow.reason):
        found.setdefault(verdict, {})[reason] = count
    return found


def _outreach(span: _Span) -> Outreach:
    sent = (col(Intent.kind) == "message", col(Intent.status) == "sent")
    rows = span.group(Intent.sent_at, Intent.occasion, Intent.channel, where=sent)
    status = span.counts(Intent.created_at, Intent.status)
    return Outreach(
        opened=_by_channel(rows, ("opened",)),
        closed=_by_channel(rows, tuple(CLOSING)),
        people=len(span.group(Intent.sent_at, Intent.recipient, where=sent)),
        accounts=len(span.group(Intent.sent_at, Intent.account, where=(*sent, col(Intent.occasion) == "opened"))),
        escalations=span.count(Intent.sent_at, col(Intent.kind) == "escalate", col(Intent.status) == "sent"),
        failed=status.get("failed", 0),
        unknown=status.get("unknown", 0),
    )


def _by_channel(rows: Iterable[tuple[Any, ...]], occasions: Sequence[str]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for occasion, channel, count in rows:
        if occasion in occasions:
            found[channel] += count
    return dict(sorted(found.items()))


def _tickets(span: _Span) -> Tickets:
    """At all desks."""
    own, theirs = span.counts(Ticket.opened_at, Ticket.queue), span.counts(DeskTicket.opened_at, DeskTicket.queue)
    return Tickets(
        opened=span.count(Ticket.opened_at) + span.count(DeskTicket.opened_at),
        resolved=span.count(Ticket.resolved_at) + span.count(DeskTicket.ended_at),
        by_queue=dict(sorted((Counter(own) + Counter(theirs)).items())),
    )


def _contacts(span: _Span) -> Contacts:
    return Contacts(
        total=span.count(CustomerContact.at),
        missed=span.count(CustomerContact.at, col(CustomerContact.issue) == ""),
        by_channel=span.counts(CustomerContact.at, CustomerContact.channel),
    )


def _lead(span: _Span) -> Lead:
    rows = span.session.exec(select(LeadTime.lead_s).where(span.holds(LeadTime.reached_at))).all()
    return lead(rows)


def lead(times: Sequence[float | None]) -> Lead:
    """Return what lead times in seconds come to; None stands for a customer who was not told before.

    >>> lead([600.0, 1800.0, None]).median, round(lead([600.0, 1800.0, None]).share_warned, 3)
    (1200.0, 0.667)
    """
    known = [each for each in times if each is not None]
    quartiles = np.percentile(known, (25, 50, 75)).tolist() if known else (None, None, None)
    return Lead(len(times), len(known), len(known) / len(times) if times else None, *quartiles)


def _precision(span: _Span) -> dict[str, Precision]:
    rows = span.session.exec(select(Label).where(span.holds(Label.at)).order_by(col(Label.at), col(Label.id))).all()
    latest = {row.issue or row.id: (row.detector, row.verdict) for row in rows}
    counts: dict[str, Counter[str]] = {}
    for detector, verdict in latest.values():
        counts.setdefault(detector, Counter())[verdict] += 1
    return {detector: precision(counts[detector]) for detector in sorted(counts)}


def _trials(span: _Span) -> dict[str, Trial]:
    trial = col(Issue.shadow).is_(True)
    opened = dict(span.group(Issue.noticed_at, Issue.detector, where=(trial,)))
    verdicts = _precision(span)
    leads: dict[str, list[float]] = {}
    for detector, seconds in _foreseen(span):
        leads.setdefault(detector, []).append(seconds)
    return {
        detector: Trial(
            opened=opened.get(detector, 0),
            verdicts=verdicts.get(detector, precision({})),
            foreseen=len(leads.get(detector, ())),
            median_lead=float(np.median(leads[detector])) if detector in leads else None,
        )
        for detector in sorted(opened.keys() | leads.keys())
    }


def _foreseen(span: _Span) -> Iterable[tuple[str, float]]:
    """Return for each detector on trial, and contact of which nothing was known, how long before it had noticed."""
    first = func.min(col(Issue.noticed_at))
    found = (
        sql_select(col(Issue.detector), col(CustomerContact.at) - first)
        .join(CustomerContact, col(CustomerContact.account) == col(Issue.account))
        .where(
            span.holds(CustomerContact.at),
            col(CustomerContact.issue) == "",
            col(Issue.shadow).is_(True),
            col(Issue.noticed_at) <= col(CustomerContact.at),
            col(Issue.resolved_at).is_(None) | (col(Issue.resolved_at) >= col(CustomerContact.at)),
        )
        .group_by(col(Issue.detector), col(CustomerContact.id), col(CustomerContact.at))
    )
    return [(str(detector), float(seconds)) for detector, seconds in span.session.execute(found).all()]


def precision(verdicts: Mapping[str, int]) -> Precision:
    """Return the precision that counts of verdicts come to.

    >>> precision({"true": 3, "false": 1, "unclear": 4}).precision
    0.75
    """
    true, false = verdicts.get("true", 0), verdicts.get("false", 0)
    share = true / (true + false) if true + false else None
    return Precision(true, false, verdicts.get("unclear", 0), share)
