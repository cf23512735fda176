"""The tables. Times are epoch seconds UTC, ids are derived (`engine.ids`), JSON columns hold plain JSON.

Nothing here decides anything: a table is what was seen, said or done. Ledgers (consent, change, decision, receipt) are
only ever added to.
"""

from engine.store.models.blobs import Blob, BlobChunk
from engine.store.models.conversations import Conversation, Turn
from engine.store.models.decisions import Assignment, DecisionRow, Stop
from engine.store.models.feed import FeedItem
from engine.store.models.feedback import (
    CustomerContact,
    EvaluationRow,
    GoodwillBudget,
    GoodwillGrant,
    Label,
    LeadTime,
    OutcomeRow,
)
from engine.store.models.issues import Change, DeclaredChange, Defect, Issue, SignalRow, Silence
from engine.store.models.people import Address, Consent, Entity, Preference, Suppression
from engine.store.models.quiet import QuietSeries, QuietText
from engine.store.models.running import JobRun, Progress, Token
from engine.store.models.sending import Duty, EarlyDelivery, Intent, Page, ReceiptRow, StreamHour, Taken
from engine.store.models.status import StatusEntry, StatusUpdate, Subscriber
from engine.store.models.tickets import DeskCursor, DeskTicket, Ticket, TicketNote
from engine.store.models.waves import Approval, Incident, IncidentMember, Vote, WaveRow

__all__ = [
    "Address",
    "Approval",
    "Assignment",
    "Blob",
    "BlobChunk",
    "Change",
    "Consent",
    "Conversation",
    "CustomerContact",
    "DecisionRow",
    "DeclaredChange",
    "Defect",
    "DeskCursor",
    "DeskTicket",
    "Duty",
    "EarlyDelivery",
    "Entity",
    "EvaluationRow",
    "FeedItem",
    "GoodwillBudget",
    "GoodwillGrant",
    "Incident",
    "IncidentMember",
    "Intent",
    "Issue",
    "JobRun",
    "Label",
    "LeadTime",
    "OutcomeRow",
    "Page",
    "Preference",
    "Progress",
    "QuietSeries",
    "QuietText",
    "ReceiptRow",
    "SignalRow",
    "Silence",
    "StatusEntry",
    "StatusUpdate",
    "Stop",
    "StreamHour",
    "Subscriber",
    "Suppression",
    "Taken",
    "Ticket",
    "TicketNote",
    "Token",
    "Turn",
    "Vote",
    "WaveRow",
]
