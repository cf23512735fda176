"""A template read ahead: what it always says, what it asks, and what it shows.

Most templates ask whether something is there, and show values. That is read off their syntax, so that everything else
is known before there are values. What does more (loops, macros, `set`) has no plan, and is rendered by Jinja.

A plan keeps to the bounds of `outreach.sandbox` by what it is: it has no loops, at most `PIECES` pieces, and takes no
value longer than `LONGEST`, so a filter never has more to do than the sandbox allows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jinja2 import nodes

from outreach.names import Names
from outreach.sandbox import Sandbox
from outreach.values import Said, Unplanned, Value, name_of, reading, scalar

PIECES = 400
DEEPEST = 8
"""Includes within includes."""


@dataclass(frozen=True, slots=True, eq=False)
class Blank:
    """A place where a value goes."""

    root: str
    """Of which variable it shows a part as it is, e.g. `customer`; empty where it shows more than that."""
    read: Value

    def filled(self, said: Said) -> str:
        """Return what stands there. Raises Unplanned, or what a filter raises."""
        found = self.read(said)
        return found if type(found) is str else str(scalar(found))


@dataclass(frozen=True, slots=True)
class Question:
    """Something that is asked, and what follows of it."""

    asks: Value
    then: "Branch"
    otherwise: "Branch"


Piece = str | Blank | Question


class Branch:
    """Pieces in their order."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        self.pieces = pieces
        self._questions = [each for each in pieces if isinstance(each, Question)]

    def answers(self, said: Said, given: list[bool]) -> None:
        """Add to `given` what is answered to every question on the way. Raises as `Blank.filled`."""
        for question in self._questions:
            yes = bool(question.asks(said))
            given.append(yes)
            (question.then if yes else question.otherwise).answers(said, given)

    def answered(self, answers: Iterator[bool]) -> Iterator[str | Blank]:
        """Yield the pieces that remain once the questions are answered."""
        for piece in self.pieces:
            if isinstance(piece, Question):
                yield from (piece.then if next(answers) else piece.otherwise).answered(answers)
            else:
                yield piece


class Planner:
    """Reads templates of one environment."""

    def __init__(self, environment: Sandbox, names: Names) -> None:
        self._environment = environment
        self._names = names
        self._blanks: dict[str, Blank] = {}

    def plan(self, name: str) -> Branch:
        """Return the plan of a template. Raises Unplanned, and what parsing raises."""
        branch = self._branch(self._names.tree(name).body, DEEPEST)
        if _size(branch) > PIECES:
            raise Unplanned
        return branch

    def _branch(self, body: Sequence[nodes.Node], depth: int) -> Branch:
        return Branch(list(self._pieces(body, depth)))

    def _pieces(self, body: Sequence[nodes.Node], depth: int) -> Iterator[Piece]:
        for node in body:
            match node:
                case nodes.Output():
                    yield from map(self._shown, node.nodes)
                case nodes.If():
                    yield self._question(node, depth)
                case nodes.Include(template=nodes.Const(value=str(name)), with_context=True) if depth:
                    yield from self._pieces(self._names.tree(name).body, depth - 1)
                case _:
                    raise Unplanned

    def _question(self, node: nodes.If, depth: int) -> Question:
        otherwise = self._branch(node.else_, depth)
        for each in reversed(node.elif_):
            otherwise = Branch([Question(self._value(each.test), self._branch(each.body, depth), otherwise)])
        return Question(self._value(node.test), self._branch(node.body, depth), otherwise)

    def _shown(self, node: nodes.Expr) -> Piece:
        match node:
            case nodes.TemplateData(data=text):
                return str(text)
            case nodes.CondExpr(test=test, expr1=then, expr2=nodes.Expr() as otherwise):
                return Question(self._value(test), Branch([self._shown(then)]), Branch([self._shown(otherwise)]))
            case _:
                return self._blank(node)

    def _blank(self, node: nodes.Expr) -> Blank:
        """Return the blank for an expression, the same for the same one."""
        key = repr(node)
        if key not in self._blanks:
            is_variable = isinstance(node, nodes.Name | nodes.Getattr)
            self._blanks[key] = Blank(name_of(node).partition(".")[0] if is_variable else "", self._value(node))
        return self._blanks[key]

    def _value(self, node: nodes.Node) -> Value:
        return reading(self._environment, node)


def _size(branch: Branch) -> int:
    asked = [each for each in branch.pieces if isinstance(each, Question)]
    return len(branch.pieces) + sum(_size(each.then) + _size(each.otherwise) for each in asked)
