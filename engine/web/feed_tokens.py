"""Tokens for a browser, made for the product's own server, which knows whose browser it is."""

from datetime import UTC, datetime

from fastapi import APIRouter

from engine.errors import Permanent
from engine.feed import pass_for
from engine.web.api import BAD
from engine.web.problems import Refused
from engine.web.schemas import FeedTokenIn, FeedTokenOut
from engine.web.state import Injected

router = APIRouter(prefix="/v1", responses=BAD)


@router.post("/feed-tokens", status_code=201, tags=["feed"])
def make_feed_token(services: Injected, wanted: FeedTokenIn) -> FeedTokenOut:
    """Make a token with which a browser may read what is kept for one person or account, and nothing else."""
    try:
        claims = pass_for(wanted.subject, services.clock.time(), wanted.lasts_s)
    except Permanent as error:
        raise Refused(422, error.line()) from error
    expires = datetime.fromtimestamp(claims.expires, UTC)
    return FeedTokenOut(token=services.links.token(claims), url=services.links.url(claims), expires_at=expires)
