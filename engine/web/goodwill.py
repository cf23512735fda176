"""Goodwill over HTTP: what was granted, what is left, and an agent's own grant; as API, page and on other pages."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

from babel.numbers import format_currency
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, RedirectResponse, Response

from engine import goodwill
from engine.config.model import GoodwillConfig
from engine.goodwill import Wish
from engine.ids import derive
from engine.offers import told
from engine.store.models import GoodwillGrant, Intent
from engine.web.actions import publish
from engine.web.problems import Refused
from engine.web.schemas import In, Out, Problem, Word
from engine.web.services import Services
from engine.web.state import Asking, Form, Injected
from engine.web.views import page
from outreach.formats import locale_of

api = APIRouter(prefix="/v1/goodwill", tags=["goodwill"])
router = APIRouter(include_in_schema=False)
SHOWN = 100


class GrantIn(In):
    """A remedy to grant."""

    remedy: Word
    account: Word
    why: Annotated[str, Field(min_length=1, max_length=2000)]
    issue: Word = ""


class GrantOut(Out):
    """A remedy that was granted, or that is reserved for a message on its way."""

    id: str
    at: datetime
    remedy: str
    amount: float
    """In the currency."""
    currency: str
    account: str
    issue: str
    who: str
    why: str
    status: str

    @classmethod
    def of(cls, row: GoodwillGrant) -> "GrantOut":
        """Return a row as the API says it."""
        return cls.model_validate(row.model_dump() | {"amount": goodwill.major(row.amount, row.currency)})


class GoodwillOut(BaseModel):
    """What was granted, and what is left of the budget."""

    currency: str
    budget: float
    left: float
    remedies: list[str]
    grants: list[GrantOut]


@api.get("", responses={404: {"model": Problem}})
def list_goodwill(
    services: Injected,
    issue: Annotated[str, Query(max_length=200)] = "",
    account: Annotated[str, Query(max_length=200)] = "",
) -> GoodwillOut:
    """List what was granted, the latest first, and say what is left."""
    rules = _rules(services)
    with services.database.reading() as session:
        rest = goodwill.left(session, rules, services.clock.time())
        rows = [GrantOut.of(row) for row in goodwill.grants(session, issue=issue, account=account, limit=SHOWN)]
    return GoodwillOut(
        currency=rest.currency, budget=rest.budget, left=rest.left, remedies=sorted(rules.remedies), grants=rows
    )


@api.post("", status_code=201, responses={403: {"model": Problem}, 409: {"model": Problem}})
def grant_goodwill(services: Injected, caller: Asking, wanted: GrantIn) -> GrantOut:
    """Grant a remedy; 409 if the budget does not allow it, 403 if the caller may not."""
    return GrantOut.of(_grant(services, caller.name, wanted))


@router.get("/goodwill")
def show(
    services: Injected,
    caller: Asking,
    issue: Annotated[str, Query(max_length=200)] = "",
    account: Annotated[str, Query(max_length=200)] = "",
) -> Response:
    """Show what was granted and what is left, with a form to grant more."""
    config, now = services.config(), services.clock.time()
    rules = config.policy.goodwill
    with services.database.reading() as session:
        rest = goodwill.left(session, rules, now) if rules else None
        rows = goodwill.grants(session, limit=SHOWN)
    values: dict[str, Any] = {"rules": rules, "rest": rest, "grants": shown(rows), "issue": issue, "account": account}
    return HTMLResponse(
        page("goodwill.html.j2", now=now, company=config.main.sender.company, who=caller.name, **values)
    )


@router.post("/goodwill")
async def grant(services: Injected, caller: Asking, form: Form) -> Response:
    """Grant what the form says; back to the issue it is about."""
    named = {name: form.get(name, "").strip()[:200] for name in ("remedy", "account", "issue")}
    why = form.get("why", "").strip()[:2000]
    if not why:
        raise Refused(422, "why: a remedy needs a reason; say in one sentence why")
    wanted = GrantIn(**named, why=why)
    await run_in_threadpool(_grant, services, caller.name, wanted)
    return RedirectResponse(f"/issues/{wanted.issue}" if wanted.issue else "/goodwill", 303)


def shown(rows: Sequence[GoodwillGrant]) -> list[dict[str, Any]]:
    """Return grants as the console's pages show them."""
    return [row.model_dump() | {"sum": _money(row, "en")} for row in rows]


def promised(session: Session, rules: GoodwillConfig | None, intent: Intent, say: Callable[..., str]) -> list[str]:
    """Return what the account of a message was granted for its issue, as sentences in the reader's language."""
    rows = goodwill.grants(session, issue=intent.issue, account=intent.account or "") if intent.account else ()
    return [_promise(rules, row, say) for row in rows if row.status == goodwill.GRANTED]


def _promise(rules: GoodwillConfig | None, row: GoodwillGrant, say: Callable[..., str]) -> str:
    kind = told(rules, row)["kind"]
    about = told(rules, row)["about"]
    return say(f"remedy_{kind}", amount=_money(row, say("lang")), about=about)


def _money(row: GoodwillGrant, locale: str) -> str:
    return str(format_currency(goodwill.major(row.amount, row.currency), row.currency, locale=locale_of(locale)))


def _rules(services: Services) -> GoodwillConfig:
    rules = services.config().policy.goodwill
    if rules is None:
        raise Refused(404, "there is no goodwill to grant; add goodwill to policy.yaml")
    return rules


def _grant(services: Services, who: str, wanted: GrantIn) -> GoodwillGrant:
    now = services.clock.time()
    id_ = derive("gwl", wanted.account, wanted.remedy, wanted.issue, who, repr(now))
    wish = Wish(id_, wanted.remedy, wanted.account, who, wanted.issue, wanted.why)
    try:
        with services.database.transaction() as session:
            rules = services.config().policy.goodwill
            return goodwill.by_agent(session, rules, wish, now, lambda event: publish(services, event))
    except goodwill.NotAllowed as error:
        raise Refused(403, error.line()) from error
    except goodwill.Refused as error:
        raise Refused(409, error.line()) from error
