"""CSS written into the tags of an HTML template, once, as it is read: many mail programs heed no `<style>`.

css-inline (MIT, Rust, no dependencies) finds which rule holds for which tag; premailer would need lxml, cssselect and
cssutils, and is slower by far. It reads HTML as browsers do, and would move what Jinja leaves between the tags. So it
is shown the tags alone, each with a number, and only the styles it finds are taken over: the template stays as it is,
but for the `style` of its tags and for those rules in `<style>` that are inlined. What cannot be inlined stays there:
media queries, `:hover`.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
NUMBER = "data-inline"
_STYLE = re.compile(r"(<style\b[^>]*>)(.*?)(</style\s*>)", re.IGNORECASE | re.DOTALL)
_OWN = re.compile(r"""\sstyle\s*=\s*("[^"]*"|'[^']*')""", re.IGNORECASE)
_CHOSEN = re.compile(r"""(?<![\w"'-])(?:class|id)\s*=\s*("[^"]*"|'[^']*'|[^\s>"']+)""", re.IGNORECASE)
_WEAK = re.compile(r"""([{;]\s*[\w-]+\s*:(?:"[^"]*"|'[^']*'|[^;{}!"'])+)(?=[;}])""")
"""A declaration that is not `!important`."""


class InlineError(ValueError):
    """A template whose styles cannot be inlined: the line, and why."""

    def __init__(self, line: int, cause: str) -> None:
        self.line, self.cause = line, cause
        super().__init__(f"line {line}: {cause}")


@dataclass(frozen=True, slots=True)
class _Tag:
    start: int
    end: int


def inlined(source: str) -> str:
    """Return a template with the rules of its `<style>` in its tags. Raises InlineError.

    >>> inlined('<style>.a{color:red}</style>{% if x %}<p class="a">{{ x }}</p>{% endif %}')
    '<style></style>{% if x %}<p class="a" style="color:red">{{ x }}</p>{% endif %}'
    """
    if not _STYLE.search(source):
        return source
    masked = JINJA.sub(_blank, source)
    _refuse_computed(source, masked)
    tags = list(_tags(masked))
    styles, kept = _looked_up(source, masked, tags)
    return "".join(_rewritten(source, tags, styles, kept))


def _blank(found: re.Match[str]) -> str:
    """Return as many blanks, so that everything stays where it is."""
    return re.sub(r"[^\n]", " ", found[0])


def _refuse_computed(source: str, masked: str) -> None:
    for style in _STYLE.finditer(masked):
        if source[style.start() : style.end()] != style[0]:
            raise InlineError(_line(source, style.start()), "there are variables in <style>: write them into the tags")


def _tags(masked: str) -> Iterator[_Tag]:
    """Yield the start tags of a template."""
    reader = _Reader(masked)
    reader.feed(masked)
    reader.close()
    yield from reader.tags


class _Reader(HTMLParser):
    """Notes where each start tag stands, and the number and style that it has."""

    def __init__(self, text: str = "") -> None:
        super().__init__(convert_charrefs=False)
        self.tags: list[_Tag] = []
        self.styles: dict[int, str] = {}
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a start tag."""
        line, column = self.getpos()
        start = self._starts[line - 1] + column if line <= len(self._starts) else 0
        self.tags.append(_Tag(start, start + len(self.get_starttag_text() or "")))
        given = dict(attrs)
        if (number := given.get(NUMBER)) is not None:
            self.styles[int(number)] = given.get("style") or ""


def _looked_up(source: str, masked: str, tags: list[_Tag]) -> tuple[Mapping[int, str], list[str]]:
    """Return the style of each tag by its number, and what is left for each `<style>`."""
    import css_inline  # noqa: PLC0415 -- only where there is a style

    inliner = css_inline.CSSInliner(
        keep_style_tags=True,
        remove_inlined_selectors=True,
        load_remote_stylesheets=False,
        minify_css=True,
    )
    try:
        shown = inliner.inline(_numbered(source, masked, tags))
    except css_inline.InlineError as error:
        raise InlineError(1, f"its CSS cannot be read: {error}") from error
    reader = _Reader(shown)
    reader.feed(shown)
    reader.close()
    _refuse_lost(source, tags, reader.styles)
    return reader.styles, [found[2] for found in _STYLE.finditer(shown)]


def _numbered(source: str, masked: str, tags: list[_Tag]) -> str:
    """Return the tags as css-inline is shown them: numbered, without styles of their own."""
    parts, end = [], 0
    for number, tag in enumerate(tags):
        text = masked[tag.start : tag.end]
        _refuse_chosen(source, tag)
        name = re.match(r"<[^\s/>]+", text)
        assert name is not None
        parts += [masked[end : tag.start], name[0], f' {NUMBER}="{number}"', _OWN.sub("", text[name.end() :])]
        end = tag.end
    return "".join([*parts, masked[end:]])


def _refuse_chosen(source: str, tag: _Tag) -> None:
    """Raise InlineError where a tag's class depends on a variable: it is not known yet."""
    text = source[tag.start : tag.end]
    if any(JINJA.search(found[1]) or _depth(text[: found.start()]) for found in _CHOSEN.finditer(text)):
        cause = "a class that a variable decides has no style to be inlined: write the whole tag once for each"
        raise InlineError(_line(source, tag.start), cause)


def _depth(text: str) -> int:
    """Return how many conditions and loops are open at the end of a part of a tag."""
    return len(re.findall(r"\{%[-+]?\s*(?:if|for)\b", text)) - len(re.findall(r"\{%[-+]?\s*end(?:if|for)\b", text))


def _refuse_lost(source: str, tags: list[_Tag], styles: Mapping[int, str]) -> None:
    """Raise InlineError for a tag that no program would show where it stands, so that its style is not known."""
    for number, tag in enumerate(tags):
        text = source[tag.start : tag.end]
        if number not in styles and _CHOSEN.search(text):
            cause = f"{text.split()[0].rstrip('>')}> cannot stand here (a cell outside of a table?): it has no style"
            raise InlineError(_line(source, tag.start), cause)


def _rewritten(source: str, tags: list[_Tag], styles: Mapping[int, str], kept: list[str]) -> Iterator[str]:
    """Yield the template, the styles in its tags, and in `<style>` what is left of it."""
    end, rest = 0, iter(kept)
    for number, tag in enumerate(tags):
        text = source[tag.start : tag.end]
        yield source[end : tag.start]
        yield _styled(text, styles.get(number, ""))
        end = tag.end
        if style := _STYLE.match(source, tag.start):
            yield _left(next(rest, ""), style[2])
            end = style.start(3)
    yield source[end:]


def _styled(text: str, style: str) -> str:
    """Return a start tag with a style: its own comes last, and so counts."""
    found = style.rstrip("; ").replace('"', "'").replace("; ", ";")
    own = _OWN.search(text)
    if not found:
        return text
    if own:
        return f'{text[: own.start()]} style="{found};{own[1][1:-1]}"{text[own.end() :]}'
    at = len(text) - (2 if text.endswith("/>") else 1)
    return f'{text[:at].rstrip()} style="{found}"{text[at:]}'


def _left(css: str, before: str) -> str:
    """Return what is left in `<style>`, made to count over what is inlined; the lines that are gone are a comment."""
    strong = _WEAK.sub(r"\1 !important", css.strip())
    missing = before.count("\n") - strong.count("\n")
    return strong + ("{#" + "\n" * missing + "#}" if missing > 0 else "")


def _line(source: str, at: int) -> int:
    return source.count("\n", 0, at) + 1
