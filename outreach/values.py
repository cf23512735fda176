"""Expressions of templates as functions of the variables: what they show and ask, without running a template.

That much of Jinja is known here: variables by their names, the filters of one value, comparisons, `and`, `or`, `not`,
`is none`, and arithmetic with numbers the sandbox computes with. Anything else, in a template or in its variables, is
`Unplanned`: Jinja does it, and says best what is wrong.
"""

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import nodes

from outreach.sandbox import NUMBER, Sandbox

Value = Callable[["Said"], Any]
ONE_VALUE = (
    "when clock short date duration ahead ago number percent money abs capitalize d default float int length lower "
    "round string title trim truncate upper"
)
"""Filters of one value that is no list."""
LONGEST = 1_000
"""Characters of a value, and of what a filter is given."""
_PLAIN = frozenset({str, int, float, bool, type(None)})
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "lteq": operator.le, "gt": operator.gt,
    "gteq": operator.ge,
}  # fmt: skip
_COMPUTED: Mapping[type[nodes.Node], Callable[[Any, Any], Any]] = {
    nodes.Mul: operator.mul, nodes.Div: operator.truediv, nodes.Add: operator.add, nodes.Sub: operator.sub,
}  # fmt: skip


class Unplanned(Exception):
    """What only Jinja can do."""


class Said(dict[str, Any]):
    """The variables of one message, which filters ask for the locale and the zone."""

    def resolve(self, name: str) -> Any:
        """Return a variable, as a context of Jinja's does."""
        return self.get(name)


def reading(environment: Sandbox, node: nodes.Node) -> Value:
    """Return what reads an expression's value. Raises Unplanned, and so may the function."""
    match node:
        case nodes.Name() | nodes.Getattr():
            return _variable(name_of(node).split("."))
        case nodes.Filter():
            return _filtered(environment, node)
        case nodes.Not() | nodes.And() | nodes.Or():
            return _decided(environment, node)
        case nodes.Const(value=constant):
            return lambda _: constant
        case _:
            return _found(environment, node)


def name_of(node: nodes.Node) -> str:
    """Return the dotted name of a variable. Raises Unplanned for anything else."""
    match node:
        case nodes.Name(ctx="load", name=name):
            return str(name)
        case nodes.Getattr(node=inner, attr=attribute):
            return f"{name_of(inner)}.{attribute}"
        case _:
            raise Unplanned


def scalar(value: Any) -> Any:
    """Return a value that is no list and no mapping, and not long. Raises Unplanned for any other."""
    if type(value) not in _PLAIN or (type(value) is str and len(value) > LONGEST):
        raise Unplanned
    return value


def _variable(path: Sequence[str]) -> Value:
    first, *rest = path

    def read(said: Said) -> Any:
        try:
            found = said[first]
            for name in rest:
                found = found[name]
        except (KeyError, TypeError, IndexError):
            raise Unplanned from None
        return found

    return read


def _filtered(environment: Sandbox, node: nodes.Filter) -> Value:
    if node.name not in ONE_VALUE.split() or node.node is None or node.dyn_args or node.dyn_kwargs or node.kwargs:
        raise Unplanned
    filter_ = environment.filters[node.name].__wrapped__  # not charged: it has little to do
    given = [reading(environment, each) for each in (node.node, *node.args)]
    asks = getattr(filter_, "jinja_pass_arg", None)
    if asks is None:
        return lambda said: filter_(*[scalar(each(said)) for each in given])
    if asks.name == "context":
        return lambda said: filter_(said, *[scalar(each(said)) for each in given])
    return lambda said: filter_(environment, *[scalar(each(said)) for each in given])


def _decided(environment: Sandbox, node: nodes.Not | nodes.And | nodes.Or) -> Value:
    if isinstance(node, nodes.Not):
        asked = reading(environment, node.node)
        return lambda said: not asked(said)
    first, second = reading(environment, node.left), reading(environment, node.right)
    if isinstance(node, nodes.And):
        return lambda said: first(said) and second(said)
    return lambda said: first(said) or second(said)


def _found(environment: Sandbox, node: nodes.Node) -> Value:
    """Return what compares or computes."""
    match node:
        case nodes.Test(name="none", node=of):
            asked = reading(environment, of)
            return lambda said: asked(said) is None
        case nodes.Compare(expr=expr, ops=[nodes.Operand(op=op, expr=other)]) if op in _COMPARED:
            compared, one, two = _COMPARED[op], reading(environment, expr), reading(environment, other)
            return lambda said: compared(scalar(one(said)), scalar(two(said)))
        case nodes.Mul() | nodes.Div() | nodes.Add() | nodes.Sub():
            computed = _COMPUTED[type(node)]
            first, second = reading(environment, node.left), reading(environment, node.right)
            return lambda said: _moderate(computed(_moderate(first(said)), _moderate(second(said))))
        case _:
            raise Unplanned


def _moderate(value: Any) -> Any:
    """Return a number that the sandbox computes with; anything else it judges itself."""
    if not isinstance(value, int | float) or abs(value) > NUMBER:
        raise Unplanned
    return value
