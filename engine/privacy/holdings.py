"""Which table holds something of somebody, and by which of its columns that is known.

Every table is in one of the two lists, and every column that may name somebody is named here:
`tests/engine/privacy/test_holdings.py` walks all of them, so no table can be added and forgotten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlmodel import SQLModel

from engine.store import models

Names = Literal[
    "entities", "addresses", "issues", "intents", "conversations", "tickets", "providers", "series", "matchers"
]
"""What a column holds: the field of `engine.privacy.whose.Whose` it is compared with."""


@dataclass(frozen=True, slots=True)
class Holding:
    """A table with rows of somebody."""

    table: type[SQLModel]
    by: Mapping[str, Names]
    """A row is theirs if any of these columns is."""
    blank: Sequence[str] = ()
    """Columns that are emptied where the row itself must stay, as books must add up; none: the row goes."""


HOLDINGS: Sequence[Holding] = (
    Holding(models.Entity, {"id": "entities", "parent": "entities"}),
    Holding(models.Address, {"entity": "entities", "value": "addresses"}),
    Holding(models.Preference, {"person": "entities"}),
    Holding(models.Consent, {"entity": "entities", "address": "addresses"}),
    Holding(models.Suppression, {"address": "addresses"}),
    Holding(models.Subscriber, {"address": "addresses"}),
    Holding(models.Conversation, {"person": "entities", "account": "entities", "issue": "issues"}),
    Holding(models.Turn, {"conversation": "conversations", "address": "addresses"}),
    Holding(models.FeedItem, {"entity": "entities", "id": "intents"}),
    Holding(models.CustomerContact, {"subject": "entities", "account": "entities", "issue": "issues"}),
    Holding(models.OutcomeRow, {"subject": "entities", "account": "entities"}),
    Holding(models.LeadTime, {"account": "entities", "issue": "issues"}),
    Holding(models.Label, {"issue": "issues", "series": "series"}),
    Holding(models.Assignment, {"account": "entities", "issue": "issues"}),
    Holding(models.SignalRow, {"issue": "issues", "series": "series"}),
    Holding(models.Issue, {"subject": "entities", "account": "entities", "series": "series"}),
    Holding(models.IncidentMember, {"issue": "issues"}),
    Holding(models.DeclaredChange, {"subject": "entities"}),
    Holding(models.Silence, {"matcher": "matchers"}),
    Holding(models.DecisionRow, {"recipient": "entities", "issue": "issues", "intent": "intents"}),
    Holding(models.Intent, {"account": "entities", "recipient": "entities", "address": "addresses", "issue": "issues"}),
    Holding(models.ReceiptRow, {"intent": "intents", "address": "addresses"}),
    Holding(models.EarlyDelivery, {"intent": "intents", "provider_id": "providers"}),
    Holding(
        models.Ticket,
        {"account": "entities", "issue": "issues", "requester": "addresses", "external": "intents", "id": "tickets"},
    ),
    Holding(models.TicketNote, {"ticket": "tickets"}),
    Holding(models.DeskTicket, {"account": "entities", "issue": "issues", "intent": "intents"}),
    Holding(models.Change, {"of": "issues"}),
    Holding(
        models.GoodwillGrant, {"account": "entities", "issue": "issues"}, blank=("account", "issue", "intent", "why")
    ),
)
"""In this order they are exported and erased."""

IMPERSONAL: Mapping[type[SQLModel], str] = {
    models.Approval: "how many would be told, of whom nobody is named",
    models.Vote: "what people of ours said",
    models.WaveRow: "numbers, and the id of an issue, which is a digest",
    models.Incident: "what a detector is called, and the id of an issue, which is a digest",
    models.Defect: "what is wrong with a product, and the id of an issue, which is a digest",
    models.EvaluationRow: "sums over all customers",
    models.GoodwillBudget: "one row that is locked",
    models.Stop: "what people of ours stopped",
    models.Page: "what many messages have in common; what they say of somebody is with each",
    models.Duty: "how many people of ours are on duty",
    models.StreamHour: "numbers",
    models.Taken: "numbers",
    models.Blob: "names and sizes of snapshots",
    models.BlobChunk: "snapshots of what models learned, as files in a folder are; they age out",
    models.QuietSeries: "what models learned of series, by their keys; the worker that has the partition erases them",
    models.QuietText: "what is watched, and the form of what was learned",
    models.StatusEntry: "public; words that name a customer are refused",
    models.StatusUpdate: "public; words that name a customer are refused",
    models.DeskCursor: "how far a desk was read",
    models.Progress: "how far the log was read",
    models.JobRun: "when jobs ran",
    models.Token: "of people and machines of ours",
}
"""The other tables, and why they hold nothing of a customer."""
