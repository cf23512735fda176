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


class Names:
    """Reads the templates of one environment; each file is parsed once."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self._parsed: dict[str, nodes.Template] = {}

    def uses(self, template: str) -> list[Use]:
        """Return every variable the template and its includes read. Raises TemplateSyntaxError, TemplateNotFound."""
        trees = [(name, self.tree(name)) for name in self.files(template)]
        return [use for name, tree in trees for use in _paths(tree, name, find_undeclared_variables(tree))]

    def files(self, template: str) -> list[str]:
        """Return the names of the template and of all that it includes. Raises as `uses`."""
        found: list[str] = []
        pending = [template]
        while pending:
            name = pending.pop()
            if name not in found:
                found.append(name)
                pending += _included(self.tree(name))
        return found

    def tree(self, name: str) -> nodes.Template:
        """Return a template's syntax. Raises TemplateSyntaxError, TemplateNotFound."""
        if name not in self._parsed:
            if self.environment.loader is None:
                raise TypeError("the environment has no loader")
            source, filename, _ = self.environment.loader.get_source(self.environment, name)
            self._parsed[name] = self.environment.parse(source, name, filename)
        return self._parsed[name]


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
