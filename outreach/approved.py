"""What WhatsApp approved: the `whatsapp.yaml` beside the words, for messages outside of the 24 hours (C12)::

    content: HXb5b62575e6e4ff6129ad7c8efe1f983e       # Twilio's ContentSid
    body: "{{1}}: some of your API calls fail since {{2}}. You need not do anything."   # as it was approved
    variables:
      "1": "{{ sender.company }}"
      "2": "{{ issue.opened_at | short }}"

The values are small templates over the same variables as the words; each is rendered by itself. `body` is what the
person reads: the signed page shows it.

Sources: twilio.com/docs/content/using-variables-with-content-api, developers.facebook.com/docs/whatsapp (message
templates: a value has no line end, no tab and no more than four blanks in a row).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from outreach.yamlfile import mapping, text

APPROVED = "whatsapp.yaml"
_KEYS = ("content", "body", "variables")
_SID = re.compile(r"HX[0-9a-fA-F]{32}")
_PLACE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Approved:
    """An approved template, and what goes into it."""

    content: str
    """Twilio's ContentSid."""
    body: str
    """The words as they were approved, with `{{1}}` or `{{name}}` where a value goes."""
    variables: Mapping[str, str]
    """The name of a place → a template of its value."""

    @classmethod
    def read(cls, raw: bytes, place: str) -> "Approved":
        """Return what a file says. Raises ValueError with its place, the cause and a remedy."""
        found = mapping(raw, place, _KEYS)
        content, body = text(found, "content", place), text(found, "body", place)
        if not _SID.fullmatch(content):
            raise ValueError(f"{place}: content {content!r} is no ContentSid; write HX and 32 hexadecimal digits")
        return cls(content, body, _variables(found, body, place))

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the words as the person reads them.

        >>> Approved("HX", "{{1}}: over since {{ 2 }}.", {}).filled({"1": "Acme", "2": "noon"})
        'Acme: over since noon.'
        """
        return _PLACE.sub(lambda match: values[match[1]], self.body)


def _variables(found: Mapping[str, Any], body: str, place: str) -> dict[str, str]:
    given = found.get("variables") or {}
    if not isinstance(given, Mapping):
        raise ValueError(f"{place}: variables is no mapping; write each place of the body and its value")  # noqa: TRY004
    variables = {str(name): str(value) for name, value in given.items()}
    asked = set(_PLACE.findall(body))
    if missing := sorted(asked - variables.keys()):
        raise ValueError(f"{place}: nothing fills {{{{{missing[0]}}}}} of the body; add it to variables")
    if unused := sorted(variables.keys() - asked):
        raise ValueError(f"{place}: the body has no {{{{{unused[0]}}}}}; take {unused[0]} out of variables")
    return variables
