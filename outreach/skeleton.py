"""HTML that differs in its words only: the page around an e-mail is rendered once for each outline, then filled in.

An outline is what is there without what it says: how many blocks, lines and links. A layout that does nothing with a
text but to show it, or to ask whether there is any, looks the same for all mails of one outline. Whether it is such a
layout is read off its syntax (`fillable`); any other one is rendered anew for each mail.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.meta import find_undeclared_variables
from markupsafe import escape

from outreach.names import Names
from outreach.sandbox import LENGTH, Sandbox

MOST = 256
"""Outlines that are kept."""
LITERAL = "kind"
"""The one name whose value is looked at, and so is part of the outline."""
FILLED = frozenset({"mail", "sender", "locale"})
"""The variables that may be filled in."""
_SHOWN = (nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Call)
_ASKED = (nodes.If, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand)
_ALLOWED = (nodes.Template, nodes.Output, nodes.For, nodes.Macro, *_SHOWN, *_ASKED)
_MARK = re.compile("\x00(\\d+)\x00")
Outline = tuple[Any, ...] | str | bool | None
Outlined = tuple[Outline, Sequence[str]]
"""An outline, and the texts it leaves out, in their order and escaped for HTML."""


class _OpaqueError(Exception):
    """The layout looks into a text."""


class _Mark(str):
    """Stands for a text that is there. It can be shown, and asked whether it is empty; anything else is an error."""

    __slots__ = ()

    def __iter__(self) -> NoReturn:
        raise _OpaqueError

    def __repr__(self) -> NoReturn:
        raise _OpaqueError


def outlined(value: Any) -> Outlined:
    """Return the outline of mappings and lists of texts. Raises TypeError for anything else.

    >>> outlined({"kind": "list", "text": "a < b", "url": ""})
    (('kind', 'list', 'text', True, 'url', ''), [Markup('a &lt; b')])
    """
    texts: list[str] = []
    return _outline(value, texts), texts


def kept(text: str, texts: list[str]) -> Outline:
    """Return what the outline keeps of a text, whether there is one, and add what there is to `texts`."""
    if not text:
        return ""
    texts.append(escape(text))
    return True


def _outline(value: Any, texts: list[str]) -> Outline:
    if type(value) is str:
        return kept(value, texts)
    if value is None:
        return None
    parts: list[Any] = []
    if type(value) is dict:
        for key, each in value.items():
            parts += (key, each if key == LITERAL else _outline(each, texts))
    elif type(value) is list:
        parts.append(None)
        parts += [_outline(each, texts) for each in value]
    else:
        raise TypeError(f"{type(value).__name__} has no outline")
    return tuple(parts)


def _marked(outline: Outline, count: Iterator[int]) -> Any:
    """Return data of this outline, with marks for its texts."""
    if outline is True:
        return _Mark(f"\x00{next(count)}\x00")
    if not isinstance(outline, tuple):
        return outline
    if outline[:1] == (None,):
        return [_marked(each, count) for each in outline[1:]]
    pairs = zip(outline[::2], outline[1::2], strict=True)
    return {key: each if key == LITERAL else _marked(each, count) for key, each in pairs}


class Skeletons:
    """The pages of one folder of templates, by outline. Safe to use from several threads."""

    def __init__(self, environment: Sandbox, names: Names) -> None:
        self._environment = environment
        self._names = names
        self._fillable: dict[str, bool] = {}
        self._known: dict[tuple[str, Outline], Sequence[str | int] | None] = {}

    def fits(self, name: str) -> bool:
        """Return whether the page `name` can be filled in. Raises TemplateSyntaxError, TemplateNotFound."""
        if name not in self._fillable:
            self._fillable[name] = fillable(self._names, name)
        return self._fillable[name]

    def filled(self, name: str, outline: Outline, texts: Sequence[str]) -> str | None:
        """Return the page `name` with these texts in it; None where it has to be rendered.

        Raises SecurityError where it is longer than a text may be.
        """
        key = name, outline
        if key not in self._known:
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[key] = self._skeleton(name, outline)
        skeleton = self._known.get(key)
        if skeleton is None:
            return None
        page = "".join([texts[part] if type(part) is int else part for part in skeleton])  # type: ignore[misc]
        if len(page) > LENGTH:
            raise SecurityError(f"the text is longer than {LENGTH} characters")
        return page

    def _skeleton(self, name: str, outline: Outline) -> Sequence[str | int] | None:
        """Return the page in pieces, numbers where the texts go; None where it cannot be rendered so."""
        marked: dict[str, Any] = _marked(outline, iter(range(10**6)))
        try:
            page = self._environment.run(self._environment.get_template(name), marked)
        except Exception:  # noqa: BLE001 -- whatever it is: rendered with its texts, the page says it better
            return None
        pieces = _MARK.split(page)
        return [int(piece) if at % 2 else piece for at, piece in enumerate(pieces)]


def fillable(names: Names, name: str) -> bool:
    """Return whether a page does nothing with texts but to show them and to ask whether they are there.

    Raises TemplateSyntaxError, TemplateNotFound.
    """
    page = names.tree(name)
    macros = {each.name for each in page.find_all(nodes.Macro)}
    if not find_undeclared_variables(page) <= FILLED or "\x00" in str(page):
        return False
    return all(_harmless(node, macros) for node in _all(page))


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _all(child)


def _harmless(node: nodes.Node, macros: set[str]) -> bool:
    match node:
        case nodes.Compare():
            return _compares_kind(node)
        case nodes.Call():
            plain = not node.kwargs and node.dyn_args is None and node.dyn_kwargs is None
            return plain and isinstance(node.node, nodes.Name) and node.node.name in macros
        case nodes.For():
            return isinstance(node.target, nodes.Name) and node.test is None and not node.recursive
        case nodes.Macro():
            return not node.defaults
        case _:
            return isinstance(node, _ALLOWED)


def _compares_kind(node: nodes.Compare) -> bool:
    match node:
        case nodes.Compare(expr=nodes.Getattr(attr=attribute), ops=[nodes.Operand(op="eq", expr=nodes.Const())]):
            return bool(attribute == LITERAL)
        case _:
            return False
