"""The tables. Times are epoch seconds UTC, ids are derived (`engine.ids`), JSON columns hold plain JSON.

Nothing here decides anything: a table is what was seen, said or done. Ledgers (consent, change, decision, receipt) are
only ever added to.
"""

from engine.store.models.decisions import Assignment, DecisionRow, Stop
from engine.store.models.feedback import (
    CustomerContact,
    EvaluationRow,
    GoodwillBudget,
    GoodwillGrant,
    Label,
    LeadTime,
    OutcomeRow,
)
from engine.store.models.issues import Change, DeclaredChange, Issue, SignalRow, Silence
from engine.store.models.people import Address, Consent, Entity, Suppression
from engine.store.models.running import JobRun, Progress, Token
from engine.store.models.sending import EarlyDelivery, Intent, ReceiptRow
from engine.store.models.tickets import Ticket, TicketNote

__all__ = [
    "Address",
    "Assignment",
    "Change",
    "Consent",
    "CustomerContact",
    "DecisionRow",
    "DeclaredChange",
    "EarlyDelivery",
    "Entity",
    "EvaluationRow",
    "GoodwillBudget",
    "GoodwillGrant",
    "Intent",
    "Issue",
    "JobRun",
    "Label",
    "LeadTime",
    "OutcomeRow",
    "Progress",
    "ReceiptRow",
    "SignalRow",
    "Silence",
    "Stop",
    "Suppression",
    "Ticket",
    "TicketNote",
    "Token",
]
