"""The console's page of A/B experiments: what followed on each of the words that accounts were told in."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse, Response

from engine.experiments import COUNTED, experiments
from engine.web.state import Asking, Injected
from engine.web.views import page

router = APIRouter(include_in_schema=False)
DAY = 86400.0


@router.get("/experiments")
def show(services: Injected, caller: Asking, days: Annotated[int, Query(ge=1, le=3650)] = 90) -> Response:
    """Show what was found in the last `days`."""
    config, now = services.config(), services.clock.time()
    with services.database.reading() as session:
        found = experiments(session, now - days * DAY, now)
    return HTMLResponse(
        page(
            "experiments.html.j2",
            now=now,
            company=config.main.sender.company,
            who=caller.name,
            days=days,
            experiments=found,
            counted=COUNTED,
        )
    )
