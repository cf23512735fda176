"""The waves there are: begun, moved on and ended while messages are decided, in the decision's own transaction."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from sqlmodel import Session, col, select

from engine.config.model import Config, PlaybookConfig
from engine.ids import derive
from engine.store.models import Intent, WaveRow
from engine.waves import counts
from engine.waves.approvals import ask, standing
from engine.waves.incidents import declare
from engine.waves.wave import CALM, Seen, Wave, advanced, begun

log = structlog.get_logger()
FRESH = 6 * 3600.0
"""Seconds for which it stays known what is usual."""
MOST = 1_000_000
"""Counting who waits ends there."""


class Waves:
    """Keeps the waves of one configuration. `look` counts anew, `sent` adds to what was counted."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._now: dict[str, Wave | None] = {}
        self._usual: dict[str, tuple[float, int]] = {}

    def look(self) -> None:
        """Forget what was counted: between two batches others may have been told, and people may have agreed."""
        self._now.clear()

    def of(self, session: Session, intent: Intent, now: float) -> Wave | None:
        """Return the wave that an opening message belongs to; None: as few are told as on other days."""
        playbook = self._config.playbooks.get(intent.playbook)
        if playbook is None or (intent.kind, intent.occasion) != ("message", "opened"):
            return None
        known = self._now.get(playbook.name)
        if playbook.name not in self._now or (known is not None and known.state == "canary" and known.full):
            known = self._now[playbook.name] = self._wave(session, playbook, intent, now)
        return known

    def sent(self, intent: Intent) -> None:
        """One more is told."""
        wave = self._now.get(intent.playbook)
        if wave is not None and (intent.kind, intent.occasion) == ("message", "opened"):
            self._now[intent.playbook] = replace(wave, told=wave.told + 1)

    def _wave(self, session: Session, playbook: PlaybookConfig, intent: Intent, now: float) -> Wave | None:
        row, limits = current(session, playbook.name, now), playbook.limits
        since = (row.opened_at if row else now) - CALM
        seen = self._seen(session, playbook, row, since)
        if row is None:
            wave = begun(derive("wav", playbook.name, repr(now)), seen, self._busy(session, playbook.name, now), limits)
            if wave is None:
                return None
            row = _begin(session, playbook.name, wave, intent, now)
        before = standing(session, _wave_of(row), row, now)
        wave, question = advanced(before, seen, counts.reactions(session, playbook.name, since), limits, now)
        if question is not None:
            asked = ask(session, wave, row, question, self._config.policy.approvals, now)
            wave = replace(wave, until=asked.expires_at)
            log.warning("approval asked", playbook=playbook.name, approval=asked.id, why=question.why)
            if wave.audience > limits.blast_radius.max:
                declare(session, playbook, row, self._config, now)
        _keep(session, row, wave, now, waited=seen.waiting > 0)
        return wave

    def _seen(self, session: Session, playbook: PlaybookConfig, row: WaveRow | None, since: float) -> Seen:
        """Count no further than makes a difference; to the end where people are to read the number."""
        enough = max(playbook.limits.blast_radius.max, row.approved if row else 0)
        seen = counts.seen(session, playbook.name, since, enough)
        asking = row is not None and row.state in ("asking", "refused", "expired")
        exact = playbook.limits.approve is not None or seen.audience > enough
        return counts.seen(session, playbook.name, since, MOST) if exact and not asking else seen

    def _busy(self, session: Session, playbook: str, now: float) -> int:
        at, known = self._usual.get(playbook, (float("-inf"), 0))
        if not 0.0 <= now - at < FRESH:
            known = counts.usual(session, playbook, now)
            self._usual[playbook] = (now, known)
        return known


def current(session: Session, playbook: str, now: float) -> WaveRow | None:
    """Return the wave of a playbook that is under way; one that nobody waited for, for an hour, is ended."""
    found = select(WaveRow).where(WaveRow.playbook == playbook, col(WaveRow.ended_at).is_(None))
    row = session.exec(found.with_for_update()).first()
    if row is not None and now - max(row.seen_at, row.until) >= CALM:
        row.ended_at = now
        session.add(row)
        return None
    return row


def _begin(session: Session, playbook: str, wave: Wave, intent: Intent, now: float) -> WaveRow:
    row = WaveRow(id=wave.id, playbook=playbook, opened_at=now, issue=intent.issue, seen_at=now, **_columns(wave))
    session.add(row)
    log.warning("wave begun", playbook=playbook, wave=wave.id, audience=wave.audience, usual=wave.usual)
    return row


def _keep(session: Session, row: WaveRow, wave: Wave, now: float, *, waited: bool) -> None:
    for name, value in _columns(wave).items():
        if getattr(row, name) != value:
            setattr(row, name, value)
    if waited:
        row.seen_at = now
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
