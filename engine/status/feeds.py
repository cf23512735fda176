"""The status page for programs: JSON, and Atom (RFC 4287)."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import msgspec

from engine.status.board import GRAVITY, Board, Entry
from engine.status.words import words

INDICATORS = dict(zip(GRAVITY, ("none", "maintenance", "minor", "major", "critical"), strict=True))
"""How the worst component stands, as one word."""
NEWEST = 50
"""Entries of the Atom feed."""


def as_json(board: Board, title: str, url: str, now: float) -> bytes:
    """Return the page as JSON, in the shape that public status pages have in common.

    `page` (name, url, updated_at), `status` (indicator: none, maintenance, minor, major, critical; description),
    `components` (status: operational, under_maintenance, degraded_performance, partial_outage, major_outage;
    uptime_90d from 0 to 1), `incidents` that are not over and `scheduled_maintenances`, each with its
    `incident_updates`, the latest first. Times are RFC 3339 in UTC.
    """
    description = words("en")[f"all_{board.worst}"]
    told = {
        "page": {"name": title, "url": url, "updated_at": time(board.updated_at or now)},
        "status": {"indicator": INDICATORS[board.worst], "description": description},
        "components": [
            {
                "id": each.name,
                "name": each.config.label,
                "group": each.config.group or None,
                "description": each.config.about or None,
                "status": each.standing,
                "uptime_90d": round(each.share, 6),
            }
            for each in board.components
        ],
        "incidents": [plain(each, url) for each in board.going_on()],
        "scheduled_maintenances": [_planned(each, url) for each in board.planned()],
    }
    return msgspec.json.encode(told)


def as_atom(board: Board, title: str, url: str, language: str) -> bytes:
    """Return the latest entries as an Atom feed, in one of our languages."""
    newest = sorted(board.entries, key=lambda each: -each.row.updated_at)[:NEWEST]
    feed = url.removesuffix("/status") + "/status.atom"
    head = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{language}">'
        f"<id>{escape(feed)}</id><title>{escape(words(language)['status_of'].format(title=title))}</title>"
        f"<updated>{time(board.updated_at)}</updated><author><name>{escape(title)}</name></author>"
        f'<link rel="self" type="application/atom+xml" href={quoteattr(feed)}/>'
        f'<link rel="alternate" type="text/html" href={quoteattr(url)}/>'
    )
    return (head + "".join(_entry(each, url, language) for each in newest) + "</feed>\n").encode()


def _entry(entry: Entry, url: str, language: str) -> str:
    row, link = entry.row, f"{url}/{entry.row.id}"
    say = words(language)
    text = "\n\n".join(f"{time(each.at)} – {say[each.state]}\n{each.text}" for each in entry.said)
    begun = min((each.at for each in entry.said), default=row.updated_at)
    return (
        f"<entry><id>{escape(link)}</id><title>{escape(row.title)} – {escape(say[row.state])}</title>"
        f"<published>{time(begun)}</published><updated>{time(row.updated_at)}</updated>"
        f'<link rel="alternate" type="text/html" href={quoteattr(link)}/><category term={quoteattr(row.kind)}/>'
        f'<content type="text">{escape(text)}</content></entry>'
    )


def plain(entry: Entry, url: str) -> dict[str, Any]:
    """Return an entry for programs, as it stands in the list of incidents."""
    row, said = entry.row, entry.said
    return {
        "id": row.id,
        "name": row.title,
        "status": row.state,
        "impact": row.impact,
        "components": list(row.components),
        "created_at": time(min((each.at for each in said), default=row.started_at)),
        "started_at": time(row.started_at),
        "updated_at": time(row.updated_at),
        "resolved_at": None if row.ended_at is None else time(row.ended_at),
        "shortlink": f"{url}/{row.id}",
        "incident_updates": _updates(entry),
    }


def _planned(entry: Entry, url: str) -> dict[str, Any]:
    row = entry.row
    ends = None if row.ends_at is None else time(row.ends_at)
    return {**plain(entry, url), "scheduled_for": time(row.started_at), "scheduled_until": ends}


def _updates(entry: Entry) -> Sequence[dict[str, Any]]:
    return [
        {"id": each.id, "status": each.state, "body": each.text, "created_at": time(each.at)} for each in entry.said
    ]


def time(at: float) -> str:
    """Return a moment as RFC 3339 has it, in UTC."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
