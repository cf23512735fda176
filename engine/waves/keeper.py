"""The waves there are: begun, moved on and ended while messages are decided, in the decision's own transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from msgspec.structs import replace
from sqlmodel import Session, col, select

from engine.config.model import Config, PlaybookConfig
from engine.ids import derive
from engine.store.models import Intent, WaveRow
from engine.waves import counts
from engine.waves.announcing import begin
from engine.waves.approvals import ask, standing
from engine.waves.incidents import declare
from engine.waves.wave import CALM, Seen, Wave, advanced, at_first, begun

log = structlog.get_logger()
FRESH = 6 * 3600.0
"""Seconds for which it stays known what is usual."""
COUNTED = 30.0
"""Seconds for which a wave that goes on is not counted anew."""
MOST = 1_000_000
"""Counting who waits ends there."""


@dataclass(slots=True)
class _Counted:
    """A wave as it was counted, and what was added since."""

    wave: Wave | None
    at: float
    batch: int
    room: float
    """How many more may be told before there could be a wave; where there is one, that tells."""

    def holds(self, batch: int, now: float, *, several: bool) -> bool:
        """Return whether it need not be counted anew: in the same batch, or for a while where nobody has to wait.

        Where `several` dispatch, others tell people meanwhile.
        """
        if several:
            return self.batch == batch
        waits = self.wave.full if self.wave else self.room <= 0.0
        return self.batch == batch or (not waits and 0.0 <= now - self.at < COUNTED)

    def sent(self) -> None:
        """One more is told."""
        self.room -= 1
        if self.wave is not None:
            self.wave = replace(self.wave, told=self.wave.told + 1)


class Waves:
    """Keeps the waves of one configuration; `look` before each batch, `sent` for each message that leaves."""

    def __init__(self, config: Config, *, several: bool = False) -> None:
        """`several`: others may dispatch at the same time."""
        self._config = config
        self._several = several
        self._counted: dict[str, _Counted] = {}
        self._batch = 0
        self._usual: dict[str, tuple[float, int]] = {}

    def look(self) -> None:
        """Begin a batch: meanwhile others may have been told, and people may have agreed."""
        self._batch += 1

    def of(self, session: Session, intent: Intent, now: float) -> Wave | None:
        """Return the wave that an opening message belongs to; None: as few are told as on other days."""
        playbook = self._config.playbooks.get(intent.playbook)
        if playbook is None or (intent.kind, intent.occasion) != ("message", "opened"):
            return None
        known = self._counted.get(playbook.name)
        if known is None or not known.holds(self._batch, now, several=self._several):
            known = self._counted[playbook.name] = self._count(session, playbook, intent, now)
        return known.wave

    def sent(self, intent: Intent) -> None:
        """One more is told."""
        known = self._counted.get(intent.playbook)
        if known is not None and (intent.kind, intent.occasion) == ("message", "opened"):
            known.sent()

    def _count(self, session: Session, playbook: PlaybookConfig, intent: Intent, now: float) -> _Counted:
        row, limits = current(session, playbook.name, now), playbook.limits
        members = self._members(session, playbook, row, now)
        seen = self._seen(session, playbook, row, members, now)
        if row is None:
            busy = self._busy(session, playbook.name, now)
            wave = begun(derive("wav", playbook.name, repr(now)), seen, busy, limits)
            if wave is None:
                room = 0 if limits.approve else at_first(busy, limits.blast_radius) - seen.told
                return _Counted(None, now, self._batch, room)
            row = _begin(session, playbook.name, wave, intent, now)
        before = standing(session, _wave_of(row), row, now)
        if row.state == "asking" and before.state == "going":
            begin(session, row.id, self._config, now)
        wave, question = advanced(before, seen, counts.reactions(session, playbook.name, members.since), limits, now)
        if question is not None:
            asked = ask(session, wave, row, question, self._config.policy.approvals, now)
            wave = replace(wave, until=asked.expires_at)
            log.warning("approval asked", playbook=playbook.name, approval=asked.id, why=question.why)
            if wave.audience > limits.blast_radius.max:
                declare(session, playbook, row, self._config, now)
        _keep(session, row, wave)
        return _Counted(wave, now, self._batch, 0)

    def _members(self, session: Session, playbook: PlaybookConfig, row: WaveRow | None, now: float) -> counts.Members:
        """Return who belongs to a wave: what comes in an ordinary number after it does not."""
        if row is None:
            return counts.Members(now - CALM)
        free = at_first(row.usual, playbook.limits.blast_radius)
        if counts.grows(session, playbook.name, free, now):
            row.seen_at = now
            session.add(row)
        return members_of(row)

    def _seen(
        self, session: Session, playbook: PlaybookConfig, row: WaveRow | None, members: counts.Members, now: float
    ) -> Seen:
        """Count no further than makes a difference; to the end where people are to read the number."""
        enough = max(playbook.limits.blast_radius.max, row.approved if row else 0)
        seen = counts.seen(session, playbook.name, members, now, enough)
        asking = row is not None and row.state in ("asking", "refused", "expired")
        exact = playbook.limits.approve is not None or seen.audience > enough
        return counts.seen(session, playbook.name, members, now, MOST) if exact and not asking else seen

    def _busy(self, session: Session, playbook: str, now: float) -> int:
        at, known = self._usual.get(playbook, (float("-inf"), 0))
        if not 0.0 <= now - at < FRESH:
            known = counts.usual(session, playbook, now)
            self._usual[playbook] = (now, known)
        return known


def members_of(row: WaveRow) -> counts.Members:
    """Return who belongs to a wave: who was to be told from an hour before it began until it grew no more.

    Of one that grows for days, as where nothing is usual yet, the last day counts.
    """
    return counts.Members(max(row.opened_at - CALM, row.seen_at - counts.DAY), row.seen_at)


def current(session: Session, playbook: str, now: float) -> WaveRow | None:
    """Return the wave of a playbook that is under way.

    It is over once it grew no more for an hour and none of it waits. Who sleeps waits: what people said of the wave
    holds for them in the morning.
    """
    found = select(WaveRow).where(WaveRow.playbook == playbook, col(WaveRow.ended_at).is_(None))
    row = session.exec(found.with_for_update()).first()
    if row is None or now - max(row.seen_at, row.until) < CALM or counts.waits(session, playbook, members_of(row), now):
        return row
    row.ended_at = now
    session.add(row)
    return None


def _begin(session: Session, playbook: str, wave: Wave, intent: Intent, now: float) -> WaveRow:
    row = WaveRow(id=wave.id, playbook=playbook, opened_at=now, issue=intent.issue, seen_at=now, **_columns(wave))
    session.add(row)
    log.warning("wave begun", playbook=playbook, wave=wave.id, audience=wave.audience, usual=wave.usual)
    return row


def _keep(session: Session, row: WaveRow, wave: Wave) -> None:
    for name, value in _columns(wave).items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    session.add(row)


def _columns(wave: Wave) -> Mapping[str, Any]:
    names = ("state", "usual", "allowance", "audience", "approved", "watched_from", "until", "why")
    return {name: getattr(wave, name) for name in names}


def _wave_of(row: WaveRow) -> Wave:
    return Wave(
        id=row.id,
        state=row.state,  # type: ignore[arg-type]  # the column holds what State lists
        usual=row.usual,
        allowance=row.allowance,
        audience=row.audience,
        approved=row.approved,
        watched_from=row.watched_from,
        until=row.until,
        why=row.why,
    )
