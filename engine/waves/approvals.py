"""People are asked whether a wave may go on: by whom, until when, and what they said."""

from collections.abc import Sequence

from msgspec.structs import replace
from sqlmodel import Session, col, select

from engine.config.model import Approvals
from engine.errors import Permanent
from engine.ids import derive
from engine.issues.view import ACTIVE
from engine.store import outbox
from engine.store.models import Approval, Intent, Issue, Vote, WaveRow
from engine.waves.wave import CALM, Question, Wave, agreed

TEMPLATE = "_common/approval"
ASKED = "awaiting_approval"
"""The reason by which messages are held meanwhile."""


def ask(session: Session, wave: Wave, row: WaveRow, question: Question, how: Approvals, now: float) -> Approval:
    """Put a question, and have whoever is configured told of it."""
    made = Approval(
        id=derive("apr", wave.id, repr(now)),
        wave=wave.id,
        playbook=row.playbook,
        asked_at=now,
        expires_at=now + float(how.expires),
        why=question.why,
        audience=wave.audience,
        needed=question.needed,
        state="asked",
    )
    session.add(made)
    if how.to:
        outbox.add(session, [_told(made, row, how.to, now)])
    return made


def _told(approval: Approval, row: WaveRow, to: str, now: float) -> Intent:
    said = {
        "id": approval.id,
        "playbook": row.playbook,
        "why": approval.why,
        "needed": approval.needed,
        "audience": approval.audience,
        "expires_at": approval.expires_at,
    }
    return Intent(
        id=derive("int", approval.id),
        kind="notify",
        issue=row.issue,
        playbook=row.playbook,
        step="approval",
        occasion="asked",
        recipient=to,
        status="pending",
        due_at=now,
        created_at=now,
        payload={"template": TEMPLATE, "to": to, "unless": None, "asked": said},
    )


def standing(session: Session, wave: Wave, row: WaveRow, now: float) -> Wave:
    """Return the wave as people's answers leave it, now that it is `now`."""
    if wave.state != "asking":
        return wave
    approval = latest(session, row.id)
    if approval is None:
        raise LookupError(f"wave {row.id} waits for an answer to no question")
    if approval.state == "asked" and approval.expires_at <= now:
        approval.state, approval.decided_at = "expired", now
        session.add(approval)
    match approval.state:
        case "approved":
            return agreed(replace(wave, until=now))
        case "asked":
            return replace(wave, until=approval.expires_at)
        case state:
            return replace(wave, state=state, until=now, why=_said(session, approval))


def _said(session: Session, approval: Approval) -> str:
    if approval.state == "expired":
        return f"Approval {approval.id} was asked for and not given in time."
    against = next(vote for vote in votes(session, approval.id) if not vote.agreed)
    return f"{against.who} refused approval {approval.id}{f': {against.note}' if against.note else '.'}"


def vote(session: Session, id_: str, who: str, now: float, *, agree: bool, note: str = "") -> Approval:
    """Write down what `who` says. Enough who agree, and it is approved; one who does not, and it is refused.

    Raises Permanent where there is no such question, it is decided or has expired, or `who` has spoken already.
    """
    approval = session.get(Approval, id_, with_for_update=True)
    if approval is None:
        raise Permanent(f"there is no approval {id_!r}", remedy="see `forewarn approvals list`")
    if approval.state != "asked" or approval.expires_at <= now:
        state = "expired" if approval.state == "asked" else approval.state
        raise Permanent(f"approval {id_} is {state} already")
    said = votes(session, id_)
    if any(each.who == who for each in said):
        raise Permanent(f"{who} has answered already", remedy="somebody else must agree")
    session.add(Vote(id=derive("vot", id_, who), approval=id_, who=who, at=now, agreed=agree, note=note))
    if not agree or len(said) + 1 >= approval.needed:
        approval.state, approval.decided_at = "approved" if agree else "refused", now
        session.add(approval)
        _release(session, approval.playbook, now)
    return approval


def _release(session: Session, playbook: str, now: float) -> None:
    """Have everything looked at again that waited for the answer."""
    outbox.hasten(session, col(Intent.playbook) == playbook, col(Intent.detail) == ASKED, now=now)


def latest(session: Session, wave: str) -> Approval | None:
    """Return the question that was put last about a wave."""
    found = select(Approval).where(Approval.wave == wave)
    return session.exec(found.order_by(col(Approval.asked_at).desc(), col(Approval.id))).first()


def votes(session: Session, approval: str) -> Sequence[Vote]:
    """Return what people said, in their order."""
    return session.exec(select(Vote).where(Vote.approval == approval).order_by(col(Vote.at), col(Vote.id))).all()


def approvals(session: Session, *, past: bool = False) -> Sequence[Approval]:
    """Return the questions that stand, or with `past` all, the latest first."""
    found = select(Approval).order_by(col(Approval.asked_at).desc(), col(Approval.id))
    return session.exec(found if past else found.where(Approval.state == "asked")).all()


def issues_of(session: Session, approval: Approval) -> Sequence[Issue]:
    """Return the active issues that a question is about."""
    wave = session.get(WaveRow, approval.wave)
    since = (wave.opened_at if wave else approval.asked_at) - CALM
    told = select(Intent.issue).where(
        Intent.playbook == approval.playbook,
        Intent.kind == "message",
        Intent.occasion == "opened",
        col(Intent.created_at) >= since,
        col(Intent.created_at) <= (wave.seen_at if wave else approval.asked_at),
    )
    found = select(Issue).where(col(Issue.id).in_(told), col(Issue.status).in_(ACTIVE))
    return session.exec(found.order_by(col(Issue.opened_at), col(Issue.id))).all()


def dismissals(session: Session, approval: Approval, who: str, note: str) -> list[tuple[str, dict[str, object]]]:
    """Return, as subject and data of `forewarn.action` events, that all it is about was a false alarm."""
    why = f"refused as a false alarm with approval {approval.id}{f': {note}' if note else ''}"
    return [
        (issue.subject, {"what": "dismiss", "issue": issue.id, "who": who, "note": why})
        for issue in issues_of(session, approval)
    ]
