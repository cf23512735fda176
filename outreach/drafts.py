"""What all desks make of a draft and of its ticket: words, tags, a picture, a verdict."""

import re
from collections.abc import Iterable, Sequence
from html import escape

from outreach.base import Draft
from outreach.text import CONTROL, one_line

OURS = "forewarn"
"""The tag of every ticket of ours: business rules of a desk can except it, and polling finds it."""
PICTURE = "evidence.svg"
PICTURE_TYPE = "image/svg+xml"
VERDICTS = ("true", "false", "unclear")
REFERENCE = "Forewarn reference:"


def subject(draft: Draft, most: int) -> str:
    r"""Return a subject in one line of at most `most` characters.

    >>> subject(Draft("int_1", "q", "API\nerrors", "", "high", ""), 8)
    'API err…'
    """
    return cut(one_line(draft.subject) or draft.id, most)


def body(draft: Draft, most: int = 30_000) -> str:
    """Return the text an agent reads, ending with the reference by which the ticket is found again.

    >>> print(body(Draft("int_1", "q", "s", "It fails.", "high", "", next_step="Call them.")))
    It fails.
    <BLANKLINE>
    Next step: Call them.
    <BLANKLINE>
    Forewarn reference: int_1
    """
    told = bool(draft.next_step) and draft.next_step not in draft.body
    next_step = f"\n\nNext step: {one_line(draft.next_step)}" if told else ""
    end = cut(next_step, most // 4) + f"\n\n{reference(draft.id)}"
    return cut(clean(draft.body).rstrip(), most - len(end)) + end


def reference(id_: str) -> str:
    """Return the line that names a draft.

    >>> reference("int_1")
    'Forewarn reference: int_1'
    """
    return f"{REFERENCE} {id_}"


def html(text: str) -> str:
    r"""Return a text as HTML: a paragraph for each, nothing in it is markup.

    >>> html("a < b\nc\n\nd")
    '<p>a &lt; b<br>c</p><p>d</p>'
    """
    paragraphs = re.split(r"\n{2,}", clean(text).strip())
    return "".join(f"<p>{escape(each).replace(chr(10), '<br>')}</p>" for each in paragraphs)


def clean(text: str) -> str:
    """Return a text without control characters, with line ends as they are on Unix."""
    return CONTROL.sub("", text.replace("\r\n", "\n"))


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters; where it was longer it ends with an ellipsis."""
    return text if len(text) <= most else text[: most - 1] + "…"


def tag(text: str) -> str:
    """Return a tag that every desk takes: small letters, digits, `-`, `_` and `.`.

    >>> tag("API errors (EU)")
    'api-errors-eu'
    """
    return re.sub(r"[^\w.-]+", "-", text.lower()).strip("-")[:80]


def tags(given: Iterable[str]) -> list[str]:
    """Return our tags, each once, the one of every ticket first.

    >>> tags(["forewarn", "api errors", "api errors", ""])
    ['forewarn', 'api-errors']
    """
    return list(dict.fromkeys(each for each in (OURS, *map(tag, given)) if each))


def incident(parent: str) -> str:
    """Return the tag that says which ticket's incident one belongs to, where a desk has no parents.

    >>> incident("12")
    'forewarn-incident-12'
    """
    return tag(f"{OURS}-incident-{parent}")


def verdict(marks: Sequence[str], field: object = "") -> str:
    """Return what agents said by a field, else by tags `forewarn-…`; of two that differ `unclear`, of none nothing.

    >>> verdict(["vip", "forewarn-false"]), verdict(["forewarn-true", "forewarn-false"]), verdict([], "True")
    ('false', 'unclear', 'true')
    """
    told = str(field or "").strip().lower().removeprefix(f"{OURS}-")
    if told in VERDICTS:
        return told
    found = [each for each in VERDICTS if f"{OURS}-{each}" in {mark.lower() for mark in marks}]
    return found[0] if len(found) == 1 else "unclear" if found else ""
