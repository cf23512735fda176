"""The console's page of predictions: what learned detectors said against what came."""

from fastapi import APIRouter
from starlette.responses import HTMLResponse, Response

from engine.evaluations import evaluations
from engine.web.services import Services
from engine.web.state import Asking, Injected
from engine.web.views import page

router = APIRouter(include_in_schema=False)


@router.get("/predictions")
def predictions(services: Injected, caller: Asking) -> Response:
    """Show how good every learned detector is, and the state it is in."""
    config = services.config()
    with services.database.reading() as session:
        found = [each for each in evaluations(session) if each.detector in config.detectors]
    shown = [(each, config.detectors[each.detector]) for each in found]
    waiting = sorted(_learned(services) - {each.detector for each in found})
    return HTMLResponse(
        page(
            "predictions.html.j2",
            now=services.clock.time(),
            company=config.main.sender.company,
            who=caller.name,
            shown=shown,
            waiting=waiting,
        )
    )


def _learned(services: Services) -> set[str]:
    """Return the names of detectors that learn from outcomes."""
    detectors = services.config().detectors
    return {name for name, config in detectors.items() if config.model.inputs == "everything"}
