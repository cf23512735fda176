"""Which variables a template reads, by dotted name, and where; those of the files it includes too."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from jinja2 import Environment, nodes
from jinja2.meta import find_undeclared_variables


class Use(NamedTuple):
    """A variable read: its dotted name, the template's name and the line."""

    name: str
    template: str
    line: int


def uses(environment: Environment, template: str) -> list[Use]:
    """Return every variable the template and its includes read. Raises TemplateSyntaxError, TemplateNotFound."""
    found: list[Use] = []
    pending, seen = [template], set[str]()
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            parsed = tree(environment, name)
            found += _paths(parsed, name, find_undeclared_variables(parsed))
            pending += _included(parsed)
    return found


def tree(environment: Environment, name: str) -> nodes.Template:
    """Return a template's syntax. Raises TemplateSyntaxError, TemplateNotFound."""
    if environment.loader is None:
        raise TypeError("the environment has no loader")
    source, filename, _ = environment.loader.get_source(environment, name)
    return environment.parse(source, name, filename)


def _included(tree: nodes.Template) -> Iterator[str]:
    for include in tree.find_all(nodes.Include):
        if isinstance(include.template, nodes.Const):
            yield str(include.template.value)


def _paths(node: nodes.Node, template: str, free: Iterable[str]) -> Iterator[Use]:
    """Yield the longest chain of names at each place: `a.b.c` and neither `a.b` nor `a`."""
    name = _chain(node)
    if name:
        if name.split(".")[0] in free:
            yield Use(name, template, node.lineno)
        return
    for child in node.iter_child_nodes():
        yield from _paths(child, template, free)


def _chain(node: nodes.Node) -> str:
    match node:
        case nodes.Name(ctx="load", name=name):
            return str(name)
        case nodes.Getattr(node=inner, attr=attribute):
            return _dotted(inner, attribute)
        case nodes.Getitem(node=inner, arg=nodes.Const(value=str(key))):
            return _dotted(inner, key)
        case _:
            return ""


def _dotted(inner: nodes.Node, part: str) -> str:
    head = _chain(inner)
    return f"{head}.{part}" if head else ""
