"""As much of CSS as e-mails use: declarations of elements by tag, class and id, in light and in dark."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

Scheme = Literal["light", "dark"]
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_SIMPLE = re.compile(r"([a-z][a-z0-9]*)?((?:[.#][\w-]+)*)", re.IGNORECASE)
_PART = re.compile(r"[.#][\w-]+")
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)


class Rule(NamedTuple):
    """One selector and what it declares; only those of one element are kept, as `td.card`."""

    tag: str
    parts: tuple[str, ...]
    """`.class` and `#id`."""
    declared: str
    dark: bool

    def fits(self, tag: str, marks: Sequence[str]) -> bool:
        """Say whether an element with these classes and id is meant."""
        return self.tag in ("", tag) and set(self.parts) <= set(marks)

    @property
    def weight(self) -> tuple[int, int, int]:
        """Specificity: ids, classes, tags."""
        ids = sum(part.startswith("#") for part in self.parts)
        return ids, len(self.parts) - ids, int(bool(self.tag))


def rules(css: str) -> list[Rule]:
    """Return the rules of a style sheet, those for dark screens marked; other media are for no reader of e-mail.

    >>> [(rule.parts, rule.dark) for rule in rules(".a {color: red} @media (prefers-color-scheme: dark) {.a {top: 0}}")]
    [(('.a',), False), (('.a',), True)]
    """
    found: list[Rule] = []
    for head, body in _blocks(_COMMENT.sub("", css)):
        if not head.startswith("@"):
            found += _ruled(head, body, dark=False)
        elif head.startswith("@media") and _DARK.search(head):
            found += [rule for inner, declared in _blocks(body) for rule in _ruled(inner, declared, dark=True)]
    return found


def _blocks(css: str) -> Iterator[tuple[str, str]]:
    """Yield what stands before each pair of braces, and what is in it."""
    start = depth = opened = 0
    for at, sign in enumerate(css):
        if sign == "{":
            depth += 1
            opened = at if depth == 1 else opened
        elif sign == "}" and depth:
            depth -= 1
            if depth == 0:
                yield css[start:opened].strip(), css[opened + 1 : at]
                start = at + 1


def _ruled(head: str, body: str, *, dark: bool) -> Iterator[Rule]:
    for selector in head.split(","):
        match = _SIMPLE.fullmatch(selector.strip())
        if match and match.group():
            yield Rule((match[1] or "").lower(), tuple(_PART.findall(match[2])), body, dark)


def cascade(sheet: Sequence[Rule], tag: str, marks: Sequence[str], inline: str, scheme: Scheme) -> Mapping[str, str]:
    """Return the declarations that win for an element: by importance, then `style`, then weight, then order."""
    fitting = [rule for rule in sheet if rule.fits(tag, marks) and (scheme == "dark" or not rule.dark)]
    texts = [rule.declared for rule in sorted(fitting, key=lambda rule: rule.weight)] + [inline]
    declared = [each for text in texts for each in _declarations(text)]
    plain = {name: value for name, value, important in declared if not important}
    return plain | {name: value for name, value, important in declared if important}


def _declarations(text: str) -> Iterator[tuple[str, str, bool]]:
    for declaration in text.split(";"):
        name, colon, value = declaration.partition(":")
        if colon:
            plain, mark, _ = value.lower().partition("!important")
            yield name.strip().lower(), plain.strip(), bool(mark)
