"""Events the other way: from values to a line."""

from collections.abc import Mapping

import msgspec

from engine.columnar.times import rfc3339


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
