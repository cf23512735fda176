"""From the text of an e-mail to what its HTML layout shows: paragraphs, lists, headings, links and the small print.

A text is plain text first. A paragraph whose first line ends in a question mark or colon has that line as its heading,
lines that start with "- " are a list, and what follows a line "--" is small print (RFC 3676, 4.3).
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

PREHEADER = 140
LABEL = 90
"""Characters that the words of a link may have."""
PARAGRAPHS = re.compile(r"\n\s*\n")
URL = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text; with `url` a link."""

    text: str
    url: str = ""

    def data(self) -> dict[str, str]:
        """Return it as a template reads it."""
        return {"text": self.text, "url": self.url}


@dataclass(frozen=True)
class Block:
    """A paragraph (one line each) or a list (one item each), under an optional heading."""

    kind: str
    heading: str = ""
    lines: list[list[Piece]] = field(default_factory=list)
    action: Piece | None = None
    """The link, where the whole block is one: shown as a button."""

    def data(self) -> dict[str, Any]:
        """Return it as a template reads it."""
        return {
            "kind": self.kind,
            "heading": self.heading,
            "lines": [[piece.data() for piece in line] for line in self.lines],
            "action": self.action.data() if self.action else None,
        }


@dataclass(frozen=True, slots=True)
class Mail:
    """What a layout shows."""

    subject: str
    preheader: str
    body: Sequence[Block]
    small: Sequence[Block]

    @classmethod
    def of(cls, values: Mapping[str, Any], subject: str, text: str) -> "Mail":
        """Return it of a text; `values` are the variables it was made with: only their links become links."""
        links = {str(url) for url in values.get("links", {}).values() if url}
        links |= {str(article["url"]) for article in [values.get("article")] if article}
        return cls(subject, preheader(text), *blocks(text, links))

    def data(self) -> dict[str, Any]:
        """Return it as a template reads it."""
        parts = {"body": [block.data() for block in self.body], "small": [block.data() for block in self.small]}
        return {"subject": self.subject, "preheader": self.preheader, **parts}


def blocks(text: str, links: Collection[str]) -> tuple[list[Block], list[Block]]:
    """Return the blocks of the message and of its small print. Only addresses among `links` become links.

    >>> [block.heading for block in blocks("Hello,\\n\\nWhat now?\\nNothing.\\n\\n--\\nA Ltd", [])[0]]
    ['', 'What now?']
    """
    body, _, small = f"\n{text.strip()}\n".partition("\n--\n")
    return _blocks(body, links), _blocks(small, links)


def preheader(text: str) -> str:
    """Return what mail programs show beside the subject: the first paragraph that is more than a greeting.

    >>> preheader("Hello Ada,\\n\\nSome calls fail. We are on it.\\n\\nMore")
    'Some calls fail. We are on it.'
    """
    return shortened(first_words(text))


def first_words(text: str) -> str:
    """Return that paragraph whole, on one line; empty if there is none."""
    paragraphs = (" ".join(part.split()) for part in text.strip().split("\n\n"))
    return next((part for part in paragraphs if not part.endswith((",", "!"))), "")


def shortened(words: str) -> str:
    """Return as many of these words as mail programs show.

    Three dots and not an ellipsis: one character beyond Latin-1 makes a page take twice the memory, and more to encode.
    """
    return words if len(words) <= PREHEADER else words[: PREHEADER - 3].rsplit(" ", 1)[0] + "..."


def _blocks(text: str, links: Collection[str]) -> list[Block]:
    parts = (part.strip("\n") for part in PARAGRAPHS.split(text))
    return [
        _block(part.split("\n"), links) if "://" in part else _without_links(part) for part in parts if part.strip()
    ]


@lru_cache(maxsize=1024)
def _without_links(part: str) -> Block:
    """Most paragraphs say the same to many."""
    return _block(part.split("\n"), ())


def _block(lines: list[str], links: Collection[str]) -> Block:
    heading, rest = _headed(lines)
    if rest and all(line.startswith("- ") for line in rest):
        return Block("list", heading, [_pieces(line[2:], links) for line in rest])
    found = [_pieces(line, links) for line in rest]
    return Block("paragraph", heading, found, _action(found))


def _headed(lines: list[str]) -> tuple[str, list[str]]:
    first = lines[0].strip()
    is_heading = len(lines) > 1 and first.endswith(("?", ":")) and not first.startswith("- ") and "://" not in first
    return (first, lines[1:]) if is_heading else ("", lines)


def _action(lines: list[list[Piece]]) -> Piece | None:
    """Return the link of a block such as ``See what happened: https://…``."""
    only = lines[0][0] if len(lines) == 1 and len(lines[0]) == 1 else None
    return only if only and only.url and only.text != only.url else None


def _pieces(line: str, links: Collection[str]) -> list[Piece]:
    if "://" not in line:
        return [Piece(line)] if line else []
    pieces, end = [], 0
    for match in URL.finditer(line):
        if match.group() in links:
            pieces += _linked(line[end : match.start()], match.group(), line[match.end() :])
            end = match.end()
    return [piece for piece in [*pieces, Piece(line[end:])] if piece.text]


def _linked(before: str, url: str, after: str) -> list[Piece]:
    """Return the link; one that ends a line and has a label (``Choose here: https://…``) hides behind it."""
    start = max(before.rfind(". ") + 2, 0) if ". " in before else 0
    label = before[start:].strip()
    if after.strip() or not label.endswith(":") or len(label) > LABEL:
        return [Piece(before), Piece(url, url)]
    return [Piece(before[:start]), Piece(label[:-1], url)]
