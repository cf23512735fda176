"""From text to nodes: Python's own parser reads the text, and only what is named here is taken over."""

import ast
import difflib
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from engine.expressions.functions import FUNCTIONS, Function
from engine.expressions.kinds import ExpressionError, Kind, Slot
from engine.expressions.nodes import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    Constant,
    Field,
    Logic,
    Member,
    Node,
    Not,
    Null,
)
from engine.expressions.syntax import ALLOWED, Source
from engine.expressions.vectors import objects

MAX_DEPTH = 64
MAX_LIST = 500
MAX_EXPONENT = 32
OPERATORS: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
SYMBOLS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
LITERALS = {"true": True, "false": False, "null": None}


class Part(NamedTuple):
    """A node and what is known of its kind."""

    node: Node
    slot: Slot


class Parsed(NamedTuple):
    """What became of a text."""

    node: Node
    kind: Kind
    fields: dict[str, Kind]


def parse(text: str, wanted: Kind = Kind.ANY) -> Parsed:
    """Return the nodes of `text`, whose result is to be of kind `wanted`. Raises ExpressionError."""
    reader = _Reader(text)
    part = reader.read(reader.source.tree(), 0)
    part.slot.want(wanted, 0)
    reader.settle()
    return Parsed(part.node, part.slot.kind, {name: slot.kind for name, slot in reader.slots.items()})


class _Reader:
    """Reads one tree; finds out the kinds of its fields on the way."""

    def __init__(self, text: str) -> None:
        self.source = Source(text)
        self._compared: list[tuple[Slot, int]] = []
        self.slots: dict[str, Slot] = {}
        self._readers: dict[type[ast.expr], Callable[[Any, int], Part]] = {
            ast.Constant: self._constant,
            ast.Name: self._name,
            ast.Attribute: self._dotted,
            ast.UnaryOp: self._unary,
            ast.BinOp: self._binary,
            ast.BoolOp: self._logic,
            ast.Compare: self._comparison,
            ast.IfExp: self._choice,
            ast.Call: self._call,
        }

    def read(self, tree: ast.expr, depth: int) -> Part:
        """Return the part that `tree` stands for."""
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested more than {MAX_DEPTH} deep", self._offset(tree))
        reader = self._readers.get(type(tree))
        if reader is None:
            self._refuse(tree, f"{_noun(tree)} is not allowed; {ALLOWED}")
        return reader(tree, depth + 1)

    def settle(self) -> None:
        """Let what is only ever ordered be numbers: `a < b` says nothing else."""
        for slot, offset in self._compared:
            if slot.kind is not Kind.TEXT:
                slot.want(Kind.NUMBER, offset)

    def _offset(self, tree: ast.expr) -> int:
        return self.source.offset(tree)

    def _refuse(self, tree: ast.expr, message: str) -> NoReturn:
        raise ExpressionError(message, self._offset(tree))

    def _constant(self, tree: ast.Constant, _depth: int) -> Part:
        return self._literal(tree, tree.value)

    def _literal(self, tree: ast.expr, value: object) -> Part:
        if value is None:
            slot = Slot(name="null")
            return Part(Null(slot), slot)
        if isinstance(value, bool):
            return Part(Constant(np.array([value])), Slot(Kind.TRUTH))
        if isinstance(value, str):
            return Part(Constant(objects([value])), Slot(Kind.TEXT))
        return Part(Constant(np.array([self._float(tree, value)])), Slot(Kind.NUMBER))

    def _float(self, tree: ast.expr, value: object) -> float:
        if not isinstance(value, int | float):
            self._refuse(tree, f"{_noun(tree)} is not allowed; {ALLOWED}")
        if abs(value) > 1.7976931348623157e308:
            self._refuse(tree, "a number beyond ±1.8e308")
        return float(value)

    def _name(self, tree: ast.Name, _depth: int) -> Part:
        if tree.id in LITERALS:
            return self._literal(tree, LITERALS[tree.id])
        return self._field(tree.id)

    def _field(self, name: str) -> Part:
        return Part(Field(name), self.slots.setdefault(name, Slot(name=name)))

    def _dotted(self, tree: ast.Attribute, _depth: int) -> Part:
        names: list[str] = []
        place: ast.expr = tree
        while isinstance(place, ast.Attribute):
            names.append(place.attr)
            place = place.value
        if not isinstance(place, ast.Name):
            self._refuse(tree, "a dot stands only within a field's name, as in http.status")
        return self._field(".".join([place.id, *reversed(names)]))

    def _unary(self, tree: ast.UnaryOp, depth: int) -> Part:
        if isinstance(tree.op, ast.Invert):
            self._refuse(tree, "write `not` instead of ~")
        part = self.read(tree.operand, depth)
        if isinstance(tree.op, ast.Not):
            self._want(part, Kind.TRUTH, tree.operand)
            return Part(Not(part.node), Slot(Kind.TRUTH))
        self._want(part, Kind.NUMBER, tree.operand)
        operation = operator.neg if isinstance(tree.op, ast.USub) else operator.pos
        return Part(Arithmetic(operation, (part.node,)), Slot(Kind.NUMBER))

    def _want(self, part: Part, kind: Kind, tree: ast.expr) -> None:
        part.slot.want(kind, self._offset(tree))

    def _binary(self, tree: ast.BinOp, depth: int) -> Part:
        operation = OPERATORS.get(type(tree.op))
        if operation is None:
            self._refuse(tree, f"this operator is not allowed; {ALLOWED}")
        if isinstance(tree.op, ast.Pow):
            self._exponent(tree.right)
        nodes = self._all_of((tree.left, tree.right), Kind.NUMBER, depth)
        return Part(Arithmetic(operation, nodes), Slot(Kind.NUMBER))

    def _exponent(self, tree: ast.expr) -> None:
        value = tree.operand if isinstance(tree, ast.UnaryOp) else tree
        number = value.value if isinstance(value, ast.Constant) else None
        if not isinstance(number, int | float) or not abs(number) <= MAX_EXPONENT:
            self._refuse(tree, f"an exponent must be a number from -{MAX_EXPONENT} to {MAX_EXPONENT}")

    def _all_of(self, trees: Sequence[ast.expr], kind: Kind, depth: int) -> tuple[Node, ...]:
        parts = [self.read(tree, depth) for tree in trees]
        for part, tree in zip(parts, trees, strict=True):
            self._want(part, kind, tree)
        return tuple(part.node for part in parts)

    def _logic(self, tree: ast.BoolOp, depth: int) -> Part:
        operation = operator.and_ if isinstance(tree.op, ast.And) else operator.or_
        return Part(Logic(operation, self._all_of(tree.values, Kind.TRUTH, depth)), Slot(Kind.TRUTH))

    def _comparison(self, tree: ast.Compare, depth: int) -> Part:
        trees = [tree.left, *tree.comparators]
        pairs = zip(trees, tree.ops, tree.comparators, strict=False)
        nodes = tuple(self._pair(left, op, right, depth) for left, op, right in pairs)
        return Part(nodes[0] if len(nodes) == 1 else Logic(operator.and_, nodes), Slot(Kind.TRUTH))

    def _pair(self, left: ast.expr, op: ast.cmpop, right: ast.expr, depth: int) -> Node:
        if isinstance(op, ast.In | ast.NotIn):
            return self._membership(left, right, depth, negated=isinstance(op, ast.NotIn))
        if isinstance(op, ast.Is | ast.IsNot):
            self._refuse(right, "write == instead of `is`, or is_missing(x)")
        parts = self.read(left, depth), self.read(right, depth)
        symbol = SYMBOLS[type(op)]
        for part, other in (parts, parts[::-1]):
            if isinstance(part.node, Null):
                return self._null_test(symbol, other, right)
        parts[1].slot.join(parts[0].slot, self._offset(right))
        if symbol not in ("==", "!="):
            self._compared.append((parts[0].slot, self._offset(right)))
        return Comparison(symbol, parts[0].node, parts[1].node)

    def _null_test(self, symbol: str, part: Part, tree: ast.expr) -> Node:
        if symbol not in ("==", "!="):
            self._refuse(tree, "null has no order: ask is_missing(x)")
        test = Call(FUNCTIONS["is_missing"], (part.node,))
        return test if symbol == "==" else Not(test)

    def _membership(self, left: ast.expr, right: ast.expr, depth: int, *, negated: bool) -> Node:
        if isinstance(right, ast.List | ast.Tuple | ast.Set):
            return self._listed(self.read(left, depth), left, right.elts, negated)
        part, whole = self._all_of((left, right), Kind.TEXT, depth)
        found = Call(FUNCTIONS["contains"], (whole, part))
        if not negated:
            return found
        known = [Not(Call(FUNCTIONS["is_missing"], (node,))) for node in (whole, part)]
        return Logic(operator.and_, (Not(found), *known))

    def _listed(self, part: Part, left: ast.expr, trees: list[ast.expr], negated: bool) -> Node:
        if len(trees) > MAX_LIST:
            self._refuse(trees[MAX_LIST], f"a list of more than {MAX_LIST} values")
        options = [self._option(tree) for tree in trees]
        kinds = {kind for kind, _ in options}
        if len(kinds) == 1:
            self._want(part, kinds.pop(), left)
        return Member(part.node, frozenset(value for _, value in options), negated)

    def _option(self, tree: ast.expr) -> tuple[Kind, object]:
        sign = isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub)
        part = self.read(tree.operand if isinstance(tree, ast.UnaryOp) and sign else tree, 0)
        if not isinstance(part.node, Constant):
            self._refuse(tree, "a list holds only numbers, texts, true and false")
        value = part.node.column.tolist()[0]
        if sign:
            self._want(part, Kind.NUMBER, tree)
            value = -value
        return part.slot.kind, value

    def _choice(self, tree: ast.IfExp, depth: int) -> Part:
        (condition,) = self._all_of((tree.test,), Kind.TRUTH, depth)
        then, otherwise = self.read(tree.body, depth), self.read(tree.orelse, depth)
        otherwise.slot.join(then.slot, self._offset(tree.orelse))
        return Part(Choice(condition, then.node, otherwise.node), then.slot)

    def _call(self, tree: ast.Call, depth: int) -> Part:
        name = tree.func.id if isinstance(tree.func, ast.Name) else ""
        if name == "field":
            return self._quoted(tree)
        function = FUNCTIONS.get(name)
        if function is None:
            self._refuse(tree, _unknown(name))
        if tree.keywords or not function.takes(len(tree.args)):
            self._refuse(tree, f"{name} is called as {function.usage(name)}")
        return self._arguments(function, tree.args, depth)

    def _quoted(self, tree: ast.Call) -> Part:
        if tree.keywords or len(tree.args) != 1:
            self._refuse(tree, 'field takes one name, as in field("http.status-code")')
        name = tree.args[0]
        if not isinstance(name, ast.Constant) or not isinstance(name.value, str) or not name.value:
            self._refuse(tree, 'field takes one name, as in field("http.status-code")')
        return self._field(name.value)

    def _arguments(self, function: Function, trees: list[ast.expr], depth: int) -> Part:
        parts = [self.read(tree, depth) for tree in trees]
        result = Slot(function.result)
        for index, (part, tree) in enumerate(zip(parts, trees, strict=True)):
            self._want(part, function.argument(index), tree)
            if function.same:
                part.slot.join(result, self._offset(tree))
        return Part(Call(function, tuple(part.node for part in parts)), result)


def _unknown(name: str) -> str:
    near = difflib.get_close_matches(name, [*FUNCTIONS, "field"], 1)
    hint = f"did you mean {near[0]}?" if near else f"allowed are {', '.join(FUNCTIONS)}, field"
    return f"no function {name!r}; {hint}" if name else "only a function's name can be called"


def _noun(tree: ast.expr) -> str:
    if isinstance(tree, ast.Constant):
        return f"{tree.value!r:.40}"
    return {
        ast.List: "a list outside of `in`",
        ast.Subscript: "an index [ ]",
        ast.JoinedStr: "an f-string",
        ast.Starred: "*",
    }.get(type(tree), type(tree).__name__)
