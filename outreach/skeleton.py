"""The page around an e-mail, rendered before its words are known (`outreach.forms`).

A layout that does nothing with a text but to show it, or to ask whether there is any, looks the same whatever the text
says. Whether it is such a layout is read off its syntax (`fillable`), and whoever looks into a text all the same finds
it opaque; any other layout is rendered anew for each mail.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from jinja2 import nodes
from jinja2.exceptions import TemplateError
from jinja2.meta import find_undeclared_variables

from outreach.names import Names
from outreach.sandbox import Sandbox

LITERAL = "kind"
"""The one name whose value is looked at."""
FILLED = frozenset({"mail", "sender", "locale"})
"""The variables that a page may show."""
_SHOWN = (nodes.TemplateData, nodes.Const, nodes.Name, nodes.Getattr, nodes.Call)
_ASKED = (nodes.If, nodes.Not, nodes.And, nodes.Or, nodes.Compare, nodes.Operand)
_ALLOWED = (nodes.Template, nodes.Output, nodes.For, nodes.Macro, *_SHOWN, *_ASKED)


class _OpaqueError(Exception):
    """The layout looks into a text."""


class _Opaque(str):
    """A text that can be shown, and asked whether it is empty; anything else is an error."""

    __slots__ = ()

    def __iter__(self) -> NoReturn:
        raise _OpaqueError

    def __repr__(self) -> NoReturn:
        raise _OpaqueError


def opaque(value: Any) -> Any:
    """Return mappings and lists of texts with all their texts opaque.

    >>> opaque({"kind": "list", "lines": [["one"]], "action": None})["kind"]
    'list'
    """
    if type(value) is str:
        return _Opaque(value)
    if isinstance(value, list):
        return [opaque(each) for each in value]
    if isinstance(value, dict):
        return {key: each if key == LITERAL else opaque(each) for key, each in value.items()}
    return value


def page(environment: Sandbox, name: str, mail: Any, said: Mapping[str, Any]) -> str | None:
    """Return the page `name` around `mail`, of which nothing is known but that its texts are there, as data.

    None where it cannot be rendered so, for whatever reason: rendered with its texts, the page says it better.
    """
    shown = {"mail": opaque(mail), **{each: said[each] for each in FILLED if each in said}}
    try:
        return environment.run(environment.get_template(name), shown)
    except (_OpaqueError, TemplateError, ValueError, TypeError, ArithmeticError, LookupError, RecursionError):
        return None


def fillable(names: Names, name: str) -> bool:
    """Return whether a page does nothing with texts but to show them and to ask whether they are there.

    Raises TemplateSyntaxError, TemplateNotFound.
    """
    tree = names.tree(name)
    macros = {each.name for each in tree.find_all(nodes.Macro)}
    if not find_undeclared_variables(tree) <= FILLED:
        return False
    return all(_harmless(node, macros) for node in _all(tree))


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
