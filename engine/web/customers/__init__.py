"""Pages for customers, without a log-in: a link that came with a message is signed and says who may see what.

A wrong or old link shows one constant page, whatever is wrong with it. Opening a page changes nothing: mail scanners
open every link (C8). Everything a person changes or says becomes an event.
"""

from fastapi import APIRouter

from engine.web.customers import mirror, preferences, unsubscribe

router = APIRouter(include_in_schema=False)
for module in (mirror, unsubscribe, preferences):
    router.include_router(module.router)
