"""Defects over HTTP: what makes customers need help who should not, and what it has cost."""

from typing import Annotated

from fastapi import APIRouter, Query
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from engine import defects
from engine.errors import Permanent
from engine.store.models import Defect
from engine.web.console import render
from engine.web.problems import Refused
from engine.web.schemas import DefectIn, DefectOut
from engine.web.services import Services
from engine.web.state import Asking, Form, Injected

router = APIRouter()


@router.get("/v1/defects", tags=["defects"])
def list_defects(
    services: Injected,
    owner: Annotated[str, Query(max_length=200)] = "",
    past: Annotated[bool, Query(description="Those that are closed too.")] = False,
) -> list[DefectOut]:
    """List defects, the latest first, with what they have caused."""
    with services.database.reading() as session:
        return [_out(session, row) for row in defects.defects(session, owner=owner, past=past)]


@router.post("/v1/defects/{defect}/close", tags=["defects"])
def close_defect(services: Injected, caller: Asking, defect: str, said: DefectIn | None = None) -> DefectOut:
    """Say that the cause is removed."""
    return _close(services, defect, caller.name, (said or DefectIn()).note)


@router.get("/defects", include_in_schema=False)
def all_defects(services: Injected, caller: Asking) -> Response:
    """Show the open defects, the dearest first, and those that were closed."""
    with services.database.reading() as session:
        rows = [_out(session, row) for row in defects.defects(session, past=True)[:200]]
    dearest = sorted((row for row in rows if row.closed_at is None), key=lambda row: -(row.cost or row.contacts))
    closed = [row for row in rows if row.closed_at is not None]
    return render("defects.html.j2", services, who=caller.name, rows=dearest, closed=closed)


@router.post("/defects/{defect}/close", include_in_schema=False)
async def press(services: Injected, caller: Asking, defect: str, form: Form) -> Response:
    """Close one."""
    await run_in_threadpool(_close, services, defect, caller.name, form.get("note", "")[:2000])
    return RedirectResponse("/defects", 303)


def _close(services: Services, defect: str, who: str, note: str) -> DefectOut:
    try:
        with services.database.transaction() as session:
            row = defects.close(session, defect, who, services.clock.time(), note)
            session.flush()
            return _out(session, row)
    except Permanent as error:
        raise Refused(404, str(error)) from error


def _out(session: Session, row: Defect) -> DefectOut:
    found = defects.figures(session, row)
    counted = {name: getattr(found, name) for name in found.__struct_fields__}
    return DefectOut.model_validate({**row.model_dump(), **counted})
