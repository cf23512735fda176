"""What keeps an e-mail's HTML from being read by everyone: contrast, pictures and links without words, unsafe links.

WCAG 2.2: 1.1.1 (text for pictures), 1.4.3 (contrast, in light and in dark), 2.4.4 (links say where they lead), 3.1.1
(the language is named). What is set by selectors of more than one element, or by pictures behind text, is not judged.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from typing import NamedTuple, get_args

from outreach.contrast import ENOUGH, ENOUGH_LARGE, Colour, colour, ratio
from outreach.stylesheet import Rule, Scheme, cascade, rules

VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
UNSEEN = frozenset({"head", "title", "style", "script", "template"})
_SIZE = re.compile(r"(\d+(?:\.\d+)?)px")
_BOLD = re.compile(r"\b(?:bold|bolder|[6-9]00)\b")


class Fault(NamedTuple):
    """One thing to put right."""

    message: str
    sign: str
    """What to look for in the source: where it stands."""


@dataclass(frozen=True, slots=True)
class Look:
    """How text looks in one scheme; None: not known."""

    text: Colour | None
    ground: Colour | None
    size: float = 16.0
    bold: bool = False
    seen: bool = True
    written: str = ""
    """The text's colour as it was written."""

    def inside(self, style: Mapping[str, str]) -> "Look":
        """Return how the text of an element with this style looks, inside of this one."""
        font = style.get("font", "")
        size = _SIZE.search(style.get("font-size", font))
        weight = style.get("font-weight", font)
        hidden = style.get("display") == "none" or style.get("visibility") == "hidden" or style.get("opacity") == "0"
        made = replace(
            self,
            size=float(size[1]) if size else self.size,
            bold=bool(_BOLD.search(weight)) if weight else self.bold,
            seen=self.seen and not hidden,
            ground=_ground(style, self.ground),
        )
        return replace(made, text=colour(style["color"]), written=style["color"]) if "color" in style else made

    @property
    def fault(self) -> str:
        """What is wrong with it."""
        if self.text is None or self.ground is None or not self.seen:
            return ""
        large = self.size >= 24.0 or (self.bold and self.size >= 18.66)
        least, found = ENOUGH_LARGE if large else ENOUGH, ratio(self.text, self.ground)
        if found >= least:
            return ""
        pair = " on ".join("#{:02x}{:02x}{:02x}".format(*each) for each in (self.text, self.ground))
        return f"a contrast of {found:.1f} to 1 ({pair}) is hard to read; make it {least:g} at least (WCAG AA)"


def _ground(style: Mapping[str, str], under: Colour | None) -> Colour | None:
    """Return the ground an element has: its own, or what is under it."""
    written = style.get("background-color") or style.get("background")
    if written is None or written in ("none", "transparent", "inherit"):
        return under
    return None if "(" in written and "rgb" not in written else colour(written.split()[0] if written else "")


@dataclass(slots=True)
class _Link:
    """A link that is open: whether any words stand in it."""

    href: str
    words: bool


@dataclass(slots=True)
class _Page(HTMLParser):
    """Walks a page once for each scheme."""

    sheet: list[Rule]
    scheme: Scheme
    found: list[Fault] = field(default_factory=list)
    open: list[tuple[str, Look]] = field(default_factory=list)
    link: _Link | None = None

    def __post_init__(self) -> None:
        HTMLParser.__init__(self, convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        marks = [f".{each}" for each in given.get("class", "").split()]
        marks += [f"#{given['id']}"] if given.get("id") else []
        style = cascade(self.sheet, tag, marks, given.get("style", ""), self.scheme)
        if "bgcolor" in given and "background-color" not in style and "background" not in style:
            style = {**style, "background-color": given["bgcolor"]}
        look = self._look.inside(style)
        self._element(tag, given)
        if tag not in VOID:
            self.open.append((tag, replace(look, seen=look.seen and tag not in UNSEEN)))

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self.link is not None:
            self._ended(self.link)
        at = next((at for at in reversed(range(len(self.open))) if self.open[at][0] == tag), None)
        if at is not None:
            del self.open[at:]

    def handle_data(self, data: str) -> None:
        if not data.strip():
            return
        if self.link is not None:
            self.link.words = True
        if fault := self._look.fault:
            self._note(f"{'in the dark, ' if self.scheme == 'dark' else ''}{fault}", self._look.written)

    @property
    def _look(self) -> Look:
        light = self.scheme == "light"
        start = Look(Colour(0, 0, 0), Colour(255, 255, 255)) if light else Look(None, None)
        return self.open[-1][1] if self.open else start

    def _element(self, tag: str, given: Mapping[str, str]) -> None:
        if tag == "a" and "href" in given:
            self.link = _Link(given["href"], bool(given.get("aria-label", "").strip()))
        if tag == "img":
            self._picture(given)
        if tag == "html" and not given.get("lang"):
            self._note('the language is not named; write <html lang="{{ locale }}">', "<html")
        for name in ("href", "src"):
            if given.get(name, "").lower().startswith("http:"):
                self._note(f"{given[name]} is a link that anyone on the way can change; write https", given[name])

    def _picture(self, given: Mapping[str, str]) -> None:
        if "alt" not in given:
            self._note('a picture without words; write alt="…", or alt="" if it only adorns', given.get("src", "<img"))
        elif given["alt"].strip() and self.link is not None:
            self.link.words = True

    def _ended(self, link: _Link) -> None:
        if not link.words:
            self._note(f"a link without words to {link.href}; say where it leads", link.href)
        self.link = None

    def _note(self, message: str, sign: str) -> None:
        self.found.append(Fault(message, sign))


class _Styles(HTMLParser):
    """Collects what stands in `<style>`."""

    def __init__(self) -> None:
        super().__init__()
        self.css, self._inside = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.css += data


def faults(html: str) -> list[Fault]:
    """Return what is wrong with a page, each once.

    >>> [fault.message for fault in faults('<html lang="en"><a href="https://x.example"><img src="y" alt=""></a>')]
    ['a link without words to https://x.example; say where it leads']
    """
    styles = _Styles()
    styles.feed(html)
    return list(dict.fromkeys(_walked(html, rules(styles.css))))


def _walked(html: str, sheet: list[Rule]) -> Iterator[Fault]:
    for scheme in get_args(Scheme):
        page = _Page(sheet, scheme)
        page.feed(html)
        page.close()
        if page.link is not None:
            page.handle_endtag("a")
        yield from page.found
