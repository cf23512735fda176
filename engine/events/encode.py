"""Events the other way: from values to a line."""

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.columnar.times import rfc3339
from engine.events.reserved import ENVELOPE, Control


def make_event(
    type: str,  # noqa: A002 -- the attribute's name in CloudEvents
    subject: str,
    data: Mapping[str, object],
    *,
    id: str,  # noqa: A002 -- as above
    source: str,
    time: float,
) -> bytes:
    """Return one event as a line of JSON, without a line break. `time` is in epoch seconds.

    >>> make_event("forewarn.outcome", "account/acme", {"what": "churn"}, id="1", source="crm", time=0.0).decode()
    '{"specversion":"1.0","id":"1","source":"crm","type":"forewarn.outcome","time":"1970-01-01T00:00:00Z","subject":"account/acme","data":{"what":"churn"}}'
    """
    event = {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": rfc3339(time),
        "subject": subject,
        "data": data,
    }
    return msgspec.json.encode(event)


def line_of(event: Control) -> bytes:
    """Return a reserved event as the line it may have come from: what is as by default is left out.

    >>> from engine.events.reserved import OutcomeEvent
    >>> outcome = OutcomeEvent(id="1", source="crm", subject="account/acme", time=0.0, line=7, what="churn", value=0.0)
    >>> line_of(outcome).decode().partition(',"subject"')[2]
    ':"account/acme","data":{"what":"churn","value":0.0}}'
    """
    data = {
        event.renamed.get(field.name, field.name): getattr(event, field.name)
        for field in msgspec.structs.fields(event)
        if field.name not in ENVELOPE and getattr(event, field.name) != _default(field)
    }
    return make_event(event.type, event.subject, data, id=event.id, source=event.source, time=event.time)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
