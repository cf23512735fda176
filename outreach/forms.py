"""Messages that differ in a few values only: laid out once, text and page, and then filled in.

A form is a template whose questions are answered (`outreach.plan`), and in which what is the same for many, the sender
and an article, stands already. It is laid out with marks where the values go; a message is then its values, put where
the marks were. That is the same as a message laid out by itself only where no value can change how it is laid out:
`is_plain` says which values are taken, `is_settled` which lines. Any other message is laid out by itself.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from markupsafe import escape

from outreach.layout import URL, Mail, blocks, first_words, shortened
from outreach.plan import Blank, Branch
from outreach.sandbox import LENGTH
from outreach.text import CONTROL, one_line, short
from outreach.values import LONGEST, Said, Unplanned

MOST = 256
"""Forms that are kept of one template."""
SAME = ("sender", "article")
"""Variables that are the same for many."""
LINKS = "links"
SHORT = LENGTH // 4
"""Characters of a text that may be filled in; longer ones are left to those who count exactly."""
VALUE, LINK, END = "\ufdd0", "https://\ufdd2", "\ufdd1"
"""A mark is one of two beginnings, a number and an end; no text has these characters (Unicode 23.7, noncharacters)."""
_MARK = re.compile(f"(?:{VALUE}|{LINK})(\\d+){END}")
_GLUED = re.compile(rf"{END}\S*://")
_ODD = "\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufdd0-\ufdd2"
_PLAIN = re.compile(rf"[^\s\-/:{_ODD}][^{_ODD}]*(?<![\s/:?!,])")
_SPECIAL = re.compile("[<>&'\"]")
Page = Callable[[Mail, Said], str | None]
"""The page around a mail, for what is the same for many; None where it cannot be known before the values are."""


class Laid(NamedTuple):
    """A page as it goes out: what it has in common with many, and what is its own."""

    page: "Pieces"
    values: tuple[str, ...]
    """In the order of their places: `woven` makes the page of both."""


class Filled(NamedTuple):
    """A message as it goes out."""

    subject: str
    text: str
    html: str = ""
    laid: Laid | None = None
    """None: the page has to be rendered for it."""


@dataclass(frozen=True)
class Pieces:
    """A text with places for values: what stands around them, and which value goes where."""

    texts: tuple[str, ...]
    """One more than there are places."""
    order: tuple[int, ...]

    @cached_property
    def id(self) -> str:
        """A name for the texts: the same for the same ones, anywhere."""
        return hashlib.blake2b(VALUE.join(self.texts).encode(), digest_size=16).hexdigest()

    @classmethod
    def of(cls, marked: str) -> "Pieces":
        """Take a text apart at its marks."""
        texts = _MARK.split(marked)
        return cls(tuple(texts[::2]), tuple(map(int, texts[1::2])))

    def placed(self, values: Sequence[str]) -> tuple[str, ...]:
        """Return values in the order of their places."""
        return tuple([values[each] for each in self.order])

    def filled(self, values: Sequence[str]) -> str:
        """Return the text with values in their places."""
        return woven(self.texts, self.placed(values))


@dataclass(frozen=True, slots=True)
class Form:
    """A message in which only values are missing."""

    blanks: Sequence[Blank]
    fits: Sequence[Callable[[str], bool]]
    """Which values each takes."""
    subject: Pieces
    text: Pieces
    words: Pieces
    """What mail programs show beside the subject, before it is shortened."""
    page: Pieces | None
    """Its blanks are followed by the subject and those words; None: it cannot be filled in."""

    def filled(self, said: Said) -> Filled:
        """Return the message. Raises Unplanned where it has to be laid out by itself."""
        values = [blank.filled(said) for blank in self.blanks]
        for value, fits in zip(values, self.fits, strict=True):
            if not fits(value):
                raise Unplanned
        subject, text = short(one_line(self.subject.filled(values))), self.text.filled(values)
        html, laid = "", None
        if self.page is not None:
            words = shortened(" ".join(self.words.filled(values).split()))
            laid = Laid(self.page, self.page.placed(_escaped([*values, subject, words])))
            html = woven(laid.page.texts, laid.values)
        if len(text) + len(html) > LENGTH // 2:
            raise Unplanned
        return Filled(subject, text, html, laid)


def woven(texts: Sequence[str], values: Sequence[str]) -> str:
    """Return texts with values between them: there is one text more.

    >>> woven(["Hello ", "!"], ["Ann"])
    'Hello Ann!'
    """
    pieces = [*texts, *values]
    pieces[::2], pieces[1::2] = texts, values
    return "".join(pieces)


def is_plain(value: str) -> bool:
    """Return whether a value is like a word: where it stands does not change how the text around it is laid out.

    >>> [is_plain(text) for text in ("Ann & Co.", "12\\N{NO-BREAK SPACE}%", "a\\nb", "- a", "Yes!", "https://a.example")]
    [True, True, False, False, False, False]
    """
    return len(value) <= LONGEST and "//" not in value and _PLAIN.fullmatch(value) is not None


def _escaped(values: list[str]) -> list[str]:
    """Return texts as they may stand in HTML; most have nothing in them that stands for something else there."""
    return [str(escape(each)) for each in values] if _SPECIAL.search("".join(values)) else values


def _is_link(value: str) -> bool:
    return len(value) <= LONGEST and URL.fullmatch(value) is not None


def is_settled(text: str, links: Collection[str]) -> bool:
    """Return whether lines are laid out in one way, whatever plain values stand at the marks.

    Of a line with a link its label must be known, or where it begins; no address may begin or end in a value.
    """
    return not _GLUED.search(text) and all(_has_labels(line, links) for line in text.split("\n"))


def _has_labels(line: str, links: Collection[str]) -> bool:
    end = 0
    for found in URL.finditer(line):
        if found.group() in links:
            _, mark, label = line[end : found.start()].rpartition(END)
            if mark and ". " not in label:
                return False
            end = found.end()
        elif END in found.group():
            return False
    return True


class Forms:
    """The forms of one template in one locale. Safe to use from several threads."""

    def __init__(self, subject: Branch, body: Branch, page: Page | None) -> None:
        """`page` renders the page around a text, if it has one that can be filled in."""
        self._subject, self._body, self._page = subject, body, page
        self._known: dict[tuple[Any, ...], Form | None] = {}

    def filled(self, said: Said) -> Filled:
        """Return a message filled in. Raises Unplanned where that cannot be done, or what a filter raises."""
        answers: list[bool] = []
        self._subject.answers(said, answers)
        self._body.answers(said, answers)
        key = tuple(answers), said["locale"], *[_texts(said.get(name)) for name in SAME]
        if key not in self._known:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = self._form(iter(answers), said)
        form = self._known.get(key)
        if form is None:
            raise Unplanned
        return form.filled(said)

    def _form(self, answers: Iterator[bool], said: Said) -> Form | None:
        blanks: list[Blank] = []
        subject = one_line("".join(_marked(self._subject.answered(answers), said, blanks)))
        raw = "".join(_marked(self._body.answered(answers), said, blanks))
        text = CONTROL.sub("", raw).strip() + "\n"
        links = {number for number, blank in enumerate(blanks) if blank.root == LINKS}
        if len(raw) > SHORT:
            return None
        shown = {f"{LINK}{number}{END}" for number in links} | _addresses(said)
        page = self._laid_out(text, subject, shown, len(blanks), said) if is_settled(text, shown) else None
        fits = [_is_link if number in links else is_plain for number in range(len(blanks))]
        return Form(blanks, fits, Pieces.of(subject), Pieces.of(text), Pieces.of(first_words(text)), page)

    def _laid_out(self, text: str, subject: str, links: Collection[str], count: int, said: Said) -> Pieces | None:
        """Return the page around a text with marks."""
        if self._page is None:
            return None
        subject, words = (
            f"{VALUE}{count + place}{END}" if known else "" for place, known in enumerate((subject, first_words(text)))
        )
        mail = Mail(subject, words, *blocks(text, links))
        page = self._page(mail, said)
        return None if page is None else Pieces.of(CONTROL.sub("", page))


def _marked(pieces: Iterator[str | Blank], said: Said, blanks: list[Blank]) -> Iterator[str]:
    """Yield texts, and marks where values go; `blanks` grows by those that are met for the first time."""
    for piece in pieces:
        if isinstance(piece, Blank) and piece.root not in SAME:
            if piece not in blanks:
                blanks.append(piece)
            yield f"{LINK if piece.root == LINKS else VALUE}{blanks.index(piece)}{END}"
        else:
            yield unmarked(piece if isinstance(piece, str) else piece.filled(said))


def unmarked(text: str) -> str:
    """Return a text that has nothing like a mark in it. Raises Unplanned."""
    if END in text or VALUE in text:
        raise Unplanned
    return text


def _texts(value: object) -> tuple[str, ...] | None:
    """Return a variable of texts as a part of a key. Raises Unplanned for anything else."""
    if value is None:
        return None
    if not isinstance(value, dict) or set(map(type, value.values())) - {str}:
        raise Unplanned
    return (*value, *value.values())


def _addresses(said: Said) -> set[str]:
    """Return the address of an article, which stands in the text already."""
    article = said.get("article")
    return {str(article["url"])} if article else set()
