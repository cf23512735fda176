"""What is known of many intents at once: one question for each kind of fact, however many intents there are."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from sqlalchemy import bindparam, func, union_all
from sqlalchemy import select as sql_select
from sqlmodel import Session, col, or_, select

from engine.conversations import book
from engine.desks.known import INCIDENT, Known, open_about
from engine.entities import Person
from engine.issues.book import view
from engine.issues.view import ACTIVE, IssueView
from engine.playbooks import REPLY, TOLD
from engine.policy.caps import Sent
from engine.policy.consent import Entry
from engine.policy.facts import WRITTEN, Suppressed
from engine.store import plain
from engine.store.among import among, one_of
from engine.store.database import unindexed
from engine.store.digests import TOGETHER
from engine.store.models import Consent, Conversation, CustomerContact, Intent, Issue, Suppression, Turn
from outreach.address import digest

CONVERSATION = 4 * 3600.0
"""A customer who contacted us about an issue is in conversation with us for so many seconds."""
TICKET_PATIENCE = 3600.0
"""Seconds for which a message waits for a desk that cannot be reached."""
_ISSUES = (
    sql_select(Issue.__table__)  # type: ignore[attr-defined]  # SQLModel makes it
    .where(among(Issue.id, "ids"))
    .order_by(col(Issue.id))
    .with_for_update()
)
_CONSENTS = sql_select(Consent.__table__).where(  # type: ignore[attr-defined]  # SQLModel makes it
    or_(among(Consent.entity, "ids"), among(Consent.address, "addresses"))
)
_SUPPRESSIONS = sql_select(Suppression.__table__).where(  # type: ignore[attr-defined]  # as above
    among(Suppression.address, "addresses")
)
_SENDS = sql_select(
    col(Intent.recipient),
    func.coalesce(Intent.sent_at, Intent.claimed_at, Intent.created_at).label("at"),
    col(Intent.channel),
    func.coalesce(col(Intent.payload)["purpose"].as_string(), "service").label("purpose"),
    col(Intent.playbook),
    col(Intent.occasion),
    func.coalesce(col(Intent.payload)[TOGETHER]["first"].as_string(), "").label("digest"),
).where(
    among(Intent.recipient, "ids"),
    one_of(col(Intent.kind), WRITTEN),
    col(Intent.occasion) != REPLY,
    one_of(unindexed(Intent.status), ("sending", "sent", "unknown")),
    col(Intent.claimed_at) >= bindparam("since"),
)
_TOLD = select(Intent).where(
    among(Intent.issue, "issues"),
    among(Intent.recipient, "recipients"),
    unindexed(Intent.status).in_(TOLD),
    ~among(Intent.id, "but"),
)
_CONTACTS = select(CustomerContact).where(
    among(CustomerContact.issue, "issues"),
    CustomerContact.at > bindparam("since"),
    CustomerContact.at <= bindparam("now"),
)
_TO_COME = ("pending", "claimed", "sending", "unknown")
Key = tuple[str, str]


def issues(session: Session, ids: Collection[str]) -> dict[str, Issue]:
    """Return issues by id, locked where the database can: no end passes unseen before anything leaves.

    They are plain rows, to be read only.
    """
    return {row.id: row for row in plain.rows(session, _ISSUES, {"ids": ids})}


def consents(session: Session, persons: Collection[Person]) -> dict[str, tuple[Entry, ...]]:
    """Return of each person the ledger's entries that name them or an address of theirs."""
    owners = _owners(persons)
    named = {"ids": [each.id for each in persons], "addresses": owners}
    found: dict[str, list[Entry]] = defaultdict(list)
    known = {person.id for person in persons}
    for row in plain.rows(session, _CONSENTS, named) if persons else ():
        for person in ({row.entity} & known) | owners.get(row.address, set()):
            found[person].append(Entry.of(row))
    return {person: tuple(entries) for person, entries in found.items()}


def suppressions(session: Session, persons: Collection[Person]) -> dict[str, tuple[Suppressed, ...]]:
    """Return of each person the addresses nothing is sent to."""
    owners = _owners(persons)
    found: dict[str, list[Suppressed]] = defaultdict(list)
    written = {each: value for value in owners for each in (value, digest(value))}  # of who was erased, the digest
    rows = plain.rows(session, _SUPPRESSIONS, {"addresses": written}) if owners else ()
    for row in rows:
        for person in owners[written[row.address]]:
            found[person].append(Suppressed(written[row.address], row.channel, row.reason))
    return {person: tuple(each) for person, each in found.items()}


def sends(session: Session, persons: Collection[Person], since: float) -> dict[str, list[Sent]]:
    """Return of each person what they were sent since then, without the texts; `channel` is the channel's name."""
    if not persons:
        return {}
    found: dict[str, list[Sent]] = defaultdict(list)
    for row in plain.rows(session, _SENDS, {"ids": [person.id for person in persons], "since": since}):
        found[row.recipient].append(Sent(row.at, row.channel, row.purpose, row.playbook, row.occasion, row.digest))
    return found


def wrote(
    session: Session, persons: Collection[Person], kinds: Collection[str], now: float
) -> dict[str, dict[str, float]]:
    """Return of each person when they last wrote, by kind of channel: those kinds only that ask for it (C12)."""
    if not persons or not kinds:
        return {}
    ids = {"ids": [person.id for person in persons]}
    contacts = sql_select(col(CustomerContact.subject), col(CustomerContact.channel), col(CustomerContact.at)).where(
        among(CustomerContact.subject, "ids"), col(CustomerContact.channel).in_(kinds), col(CustomerContact.at) <= now
    )
    answers = (
        sql_select(col(Conversation.person), col(Turn.channel), col(Turn.at))
        .join(Turn, col(Turn.conversation) == Conversation.id)
        .where(
            among(Conversation.person, "ids"), col(Turn.channel).in_(kinds), col(Turn.way) == "in", col(Turn.at) <= now
        )
    )
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for person, kind, at in session.execute(union_all(contacts, answers), ids):
        found[person][kind] = max(at, found[person].get(kind, at))
    return found


def told(session: Session, intents: Collection[Intent]) -> dict[str, list[Intent]]:
    """Return, by the id of each of `intents`, what its recipient was told of the same issue.

    They are no part of that themselves, and no two of them go to one person: they are not read again.
    """
    asked = [intent for intent in intents if intent.kind == "message"]
    if not asked:
        return {}
    names = {
        "issues": {intent.issue for intent in asked},
        "recipients": {intent.recipient for intent in asked},
        "but": [intent.id for intent in asked],
    }
    by: dict[Key, list[Intent]] = defaultdict(list)
    for other in session.scalars(_TOLD, names):
        by[other.issue, other.recipient].append(other)
    found = {intent.id: by.get((intent.issue, intent.recipient), []) for intent in asked}
    return {id_: rows for id_, rows in found.items() if rows}


def active_of(session: Session, accounts: Collection[str | None] | None) -> dict[str | None, list[IssueView]]:
    """Return the open and acknowledged issues by account, oldest first; of all accounts, under None, if not given."""
    active = unindexed(Issue.status) if accounts is not None else col(Issue.status)
    found = select(Issue).where(active.in_(ACTIVE), col(Issue.shadow).is_(False))
    if accounts is not None:
        found = found.where(among(Issue.account, "accounts"))
    by: dict[str | None, list[IssueView]] = defaultdict(list)
    named = {"accounts": [each for each in accounts or () if each is not None]}
    for row in session.scalars(found.order_by(col(Issue.opened_at), col(Issue.id)), named):
        by[row.account if accounts is not None else None].append(view(row))
    return by


def open_tickets(session: Session, intents: Iterable[tuple[Intent, Issue | None]]) -> dict[str, str]:
    """Return, by the id of each of `intents`, an open ticket on the same matter, at whichever desk."""
    asked = [(intent, issue) for intent, issue in intents if issue is not None and intent.kind in ("ticket", "message")]
    own = {issue.id for intent, issue in asked if intent.kind == "ticket"}
    accounts = {issue.account for intent, issue in asked if intent.kind == "message" and issue.account}
    known = open_about(session, own, accounts) if asked else []
    matching = {
        intent.id: next((each for each, about in known if _same_matter(each, about, intent, issue)), None)
        for intent, issue in asked
    }
    return {id_: str(ticket.ref) for id_, ticket in matching.items() if ticket is not None}


def _same_matter(ticket: Known, about: Collection[str], intent: Intent, issue: Issue) -> bool:
    """A ticket that waits, or that the playbooks made of this very issue, is no reason to be silent.

    Nor is any to make the one ticket of an incident: those that its issues have already become parts of it.
    """
    if intent.kind == "ticket":
        return ticket.issue == issue.id and ticket.intent != intent.id and intent.step != INCIDENT
    others = ticket.account == issue.account and ticket.issue != issue.id
    return others and ticket.live and issue.detector in about


def tickets_made(session: Session, messages: Collection[Intent], now: float) -> dict[str, str | None]:
    """Return, by message, the number of the ticket of the same issue; None while it is to be made and is not yet.

    A desk that cannot be reached is waited for, but not for ever; where no ticket is planned there is none to wait for.
    """
    if not messages:
        return {}
    asked = select(Intent).where(among(Intent.issue, "issues"), Intent.kind == "ticket", Intent.occasion != REPLY)
    rows = session.scalars(asked, {"issues": {each.issue for each in messages}}).all()
    found: dict[str, str | None] = {}
    for message in messages:
        own = [row for row in rows if row.issue == message.issue]
        made = next((row.provider_id for row in own if row.status == "sent"), "")
        waits = [row for row in own if row.status in _TO_COME and row.created_at > now - TICKET_PATIENCE]
        if made or own:
            found[message.id] = made or (None if waits else "")
    return found


def conversations(session: Session, issues_: Collection[str], now: float) -> dict[tuple[str, str | None], str]:
    """Return, by issue and account, the id of a contact of the customer's a short time ago."""
    asked = {"issues": issues_, "since": now - CONVERSATION, "now": now}
    rows = session.scalars(_CONTACTS, asked).all()
    handed_over = book.live(session, issues_, now)
    return handed_over | {(row.issue, row.account): row.id for row in reversed(rows)}


def _owners(persons: Collection[Person]) -> dict[str, set[str]]:
    """Return who has each address."""
    owners: dict[str, set[str]] = defaultdict(set)
    for person in persons:
        for _, value in person.addresses:
            owners[value].add(person.id)
    return owners
