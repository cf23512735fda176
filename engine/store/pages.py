"""The HTML of messages: what a page has in common with many is written once, and each message keeps what is its own."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlmodel import Session

from engine.store.database import insert_ignore
from engine.store.models import Intent, Page
from outreach.forms import Laid, Pieces, woven
from outreach.render import Rendered

PAGE, HTML = "page", "html"
"""Keys of the payload: `{"id": page, "values": [text, …]}`, or of a page that is like no other the whole of it."""


def said(text: Rendered) -> dict[str, Any]:
    """Return what a payload keeps of a page."""
    laid = text.laid
    return {HTML: text.html} if laid is None else {PAGE: {"id": laid.page.id, "values": laid.values}}


def keep(session: Session, pages: Iterable[Laid | None]) -> None:
    """Write down what the pages of a batch have in common, if it is not there yet."""
    found: dict[str, Pieces] = {laid.page.id: laid.page for laid in pages if laid is not None}
    insert_ignore(session, Page, [{"id": id_, "texts": page.texts} for id_, page in found.items()])


def any_of(intent: Intent) -> bool:
    """Return whether a message has HTML."""
    return bool(intent.payload.get(PAGE) or intent.payload.get(HTML))


def html(session: Session, payload: Mapping[str, Any]) -> str:
    """Return the HTML of a message as it went out; empty: it has none."""
    laid = payload.get(PAGE)
    if not laid:
        return str(payload.get(HTML, ""))
    return woven(session.get_one(Page, laid["id"]).texts, laid["values"])
