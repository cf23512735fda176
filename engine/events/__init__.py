"""Events: CloudEvents 1.0 in JSON, one a line (https://github.com/cloudevents/spec).

>>> schema = Schema.build({"api.request": {"status": Kind.NUMBER}})
>>> line = b'{"id":"1","source":"gw","type":"api.request","subject":"account/acme","data":{"status":503}}'
>>> decoded = Decoder(schema, future=300.0).decode(line + b"\\n{}", arrived=0.0)
>>> [columns] = decoded.runs[0].content.columns
>>> columns.subject, columns.fields["status"]
(Texts.of(['account/acme']), array([503.]))
>>> decoded.rejects
[Reject(line=1, reason='malformed', detail='object missing required field `type`', payload=b'{}')]
"""

from engine.events.decoder import Decoder
from engine.events.encode import line_of, make_event
from engine.events.rejects import (
    FUTURE,
    LATE,
    MALFORMED,
    OVERSIZED,
    UNAPPLIED,
    UNKEYED,
    UNKNOWN_TYPE,
    UNMATCHED,
    Reject,
)
from engine.events.reserved import (
    EVERYONE,
    ActionEvent,
    Address,
    ChangeEvent,
    CohortEvent,
    ConsentEvent,
    ContactEvent,
    Control,
    DeliveryEvent,
    EntityEvent,
    GoodwillEvent,
    ModelEvent,
    OutcomeEvent,
    PreferenceEvent,
    ReplyEvent,
    TicketEvent,
    TickEvent,
    VerdictEvent,
)
from engine.events.runs import Decoded, Run, Telemetry
from engine.events.schema import Schema
from engine.expressions import Kind

__all__ = [
    "EVERYONE",
    "FUTURE",
    "LATE",
    "MALFORMED",
    "OVERSIZED",
    "UNAPPLIED",
    "UNKEYED",
    "UNKNOWN_TYPE",
    "UNMATCHED",
    "ActionEvent",
    "Address",
    "ChangeEvent",
    "CohortEvent",
    "ConsentEvent",
    "ContactEvent",
    "Control",
    "Decoded",
    "Decoder",
    "DeliveryEvent",
    "EntityEvent",
    "GoodwillEvent",
    "Kind",
    "ModelEvent",
    "OutcomeEvent",
    "PreferenceEvent",
    "Reject",
    "ReplyEvent",
    "Run",
    "Schema",
    "Telemetry",
    "TickEvent",
    "TicketEvent",
    "VerdictEvent",
    "line_of",
    "make_event",
]
