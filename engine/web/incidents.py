"""Incidents over HTTP: what the issues of many customers have in common."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from engine.incidents.shown import Shown, incidents, shown
from engine.store.models import Incident
from engine.web.console import render
from engine.web.queries import need
from engine.web.schemas import IncidentDetail, IncidentIssue, IncidentOut
from engine.web.services import Services
from engine.web.state import Asking, Injected

router = APIRouter()


@router.get("/v1/incidents", tags=["incidents"])
def list_incidents(
    services: Injected, past: Annotated[bool, Query(description="Those that are over too.")] = False
) -> list[IncidentOut]:
    """List incidents, the latest first."""
    with services.database.reading() as session:
        return [IncidentOut.model_validate(each.plain()) for each in incidents(session, past=past)]


@router.get("/v1/incidents/{incident}", tags=["incidents"])
def show_incident(services: Injected, incident: str) -> IncidentDetail:
    """Show an incident with its issues."""
    found = _one(services, incident)
    members = [IncidentIssue.model_validate(row) for row in found.issues]
    return IncidentDetail(**IncidentOut.model_validate(found.plain()).model_dump(), members=members)


@router.get("/incidents", include_in_schema=False)
def all_incidents(services: Injected, caller: Asking) -> Response:
    """Show the open incidents, and those that are over."""
    with services.database.reading() as session:
        rows = incidents(session, past=True)
    standing = [each for each in rows if each.row.status == "open"]
    over = [each for each in rows if each.row.status != "open"]
    return render("incidents.html.j2", services, who=caller.name, standing=standing, over=over)


@router.get("/incidents/{incident}", include_in_schema=False)
def one_incident(services: Injected, caller: Asking, incident: str) -> Response:
    """Show an incident, and each of its issues."""
    found = _one(services, incident)
    return render("incident.html.j2", services, who=caller.name, incident=found, row=found.row)


def _one(services: Services, incident: str) -> Shown:
    with services.database.reading() as session:
        return shown(session, need(session, Incident, incident, "incident"))
