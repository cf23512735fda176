"""Templates that can do no harm: no way into objects, no way to run or grow without end.

What a template may use is a documented subset of Jinja: variables, conditions, loops, macros, `set`, includes of files
named outright, and the filters listed in `KEPT` and `outreach.formats`. Values are data, so the only attributes are
those of mappings and of `loop`. Every loop turn, call and include costs one of `STEPS`, every filter one and more for
what is long; no text grows beyond `LENGTH`, no number beyond `NUMBER`. Steps bound the time too, the same on every
machine: what takes them all is done within about a second.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sized
from contextvars import ContextVar
from functools import wraps
from itertools import islice
from typing import Any, NoReturn

from jinja2 import BaseLoader, StrictUndefined, nodes, select_autoescape
from jinja2.compiler import CodeGenerator, Frame
from jinja2.environment import Template
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.runtime import LoopContext, Macro, Undefined, markup_join
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import missing
from jinja2.visitor import NodeTransformer

STEPS = 10_000
"""Loop turns, calls and includes that one rendering may take."""
LENGTH = 65_536
"""Characters that any text made by a template may have."""
RANGE = 1_000
CHUNKS = 32
"""Pieces of a text that are put together at once; each is bounded by itself."""
NUMBER = 10**15
"""The largest number that may be computed with: larger ones take ever longer."""
BITE = 64
"""Characters or items that a filter takes for one step."""
KEPT = (
    "abs capitalize count d default dictsort e escape first float groupby int items join last length list lower map "
    "max min reject rejectattr reverse round select selectattr sort string sum title trim truncate unique upper"
)
"""Jinja's own filters that cannot run away and give the same on every machine."""

_left: ContextVar[list[int]] = ContextVar("steps_left")


class Missing(StrictUndefined):
    """A variable that is not there: any use of it is an error that names the nearest one that is."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint:
            return self._undefined_hint
        name = str(self._undefined_name)
        if self._undefined_obj is missing or not isinstance(self._undefined_obj, Mapping):
            return f"there is no variable {name!r}"
        near = difflib.get_close_matches(name, [str(key) for key in self._undefined_obj], n=1)
        return f"there is no {name!r} here" + (f"; did you mean {near[0]!r}?" if near else "")


class _Guard(NodeTransformer):
    """Puts a step before each body that can be repeated, and refuses what the subset leaves out."""

    def __init__(self, name: str | None, filename: str | None) -> None:
        self.name, self.filename = name, filename

    def refuse(self, node: nodes.Node, what: str) -> NoReturn:
        raise TemplateSyntaxError(f"{what} cannot be used in a template here", node.lineno, self.name, self.filename)

    def stepped(self, node: Any) -> nodes.Node:
        self.generic_visit(node)
        node.body.insert(0, nodes.ExprStmt(nodes.Const("step")).set_lineno(node.lineno))
        return node  # type: ignore[no-any-return]  # jinja's visitors are typed for any node, `body` is not in the base

    def visit_Template(self, node: nodes.Template) -> nodes.Node:  # noqa: N802 -- the visitor's naming
        return self.stepped(node)

    def visit_Macro(self, node: nodes.Macro) -> nodes.Node:  # noqa: N802
        return self.stepped(node)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        if node.recursive:
            self.refuse(node, "a recursive loop")
        if node.test is not None:
            node.iter = nodes.Filter(node.iter, "_filtered", [], [], None, None).set_lineno(node.lineno)
        return self.stepped(node)

    def visit_Include(self, node: nodes.Include) -> nodes.Node:  # noqa: N802
        if not (isinstance(node.template, nodes.Const) and isinstance(node.template.value, str)):
            self.refuse(node, "an include without a fixed name")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        parts = nodes.List(node.nodes)
        return nodes.Filter(parts, "_joined", [], [], None, None).set_lineno(node.lineno, override=True)

    def _refused(self, node: nodes.Node) -> nodes.Node:
        self.refuse(node, f"{{% {type(node).__name__.lower()} %}}")

    visit_Extends = visit_Import = visit_FromImport = visit_Block = _refused  # noqa: N815
    visit_ScopedEvalContextModifier = visit_EvalContextModifier = _refused  # noqa: N815


class _Generator(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802
        super().visit_Template(_Guard(self.name, self.filename).visit(node), frame)

    def visit_ExprStmt(self, node: nodes.ExprStmt, frame: Frame) -> None:  # noqa: N802
        self.writeline("environment.step()", node)  # the subset has no other statement of this kind


def _bounded(parts: Iterable[str]) -> str:
    text = "".join(parts)
    if len(text) > LENGTH:
        raise SecurityError(f"the text is longer than {LENGTH} characters")
    return text


def _joined(parts: Iterable[Any]) -> str:
    text = markup_join(parts)
    if len(text) > LENGTH:
        raise SecurityError(f"the text is longer than {LENGTH} characters")
    return text


def _spend(steps: int) -> None:
    left = _left.get()
    left[0] -= steps
    if left[0] < 0:
        raise SecurityError(f"the template takes more than {STEPS} steps")


def _charged(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """Return a filter that costs steps by how much it is given."""
    at = 1 if hasattr(filter_, "jinja_pass_arg") else 0

    @wraps(filter_)
    def charged(*args: Any, **kwargs: Any) -> Any:
        _spend(1 + _length(args[at]) // BITE)
        return filter_(*args, **kwargs)

    return charged


def _filtered(items: Any) -> Any:
    """Return what a loop with a condition goes over: items that it passes over cost steps too."""
    _spend(_length(items))
    return items


def _length(value: Any) -> int:
    return len(value) if isinstance(value, Sized) and not isinstance(value, Undefined) else 0


def _moderate(number: Any) -> Any:
    if abs(number) > NUMBER:
        raise SecurityError(f"numbers beyond {NUMBER:.0e} cannot be computed here")
    return number


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment that all templates are compiled in; compiled ones are kept for its lifetime."""

    intercepted_binops = frozenset({"+", "*", "%", "**"})
    code_generator_class = _Generator
    concat = staticmethod(_bounded)

    def __init__(self, loader: BaseLoader, filters: Mapping[str, Callable[..., Any]]) -> None:
        super().__init__(
            loader=loader,
            undefined=Missing,
            autoescape=select_autoescape(["html.j2", "html"], default=False),
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
            auto_reload=False,
            cache_size=-1,
        )
        self.globals = {"range": _range}
        kept = {name: self.filters[name] for name in KEPT.split()} | dict(filters)
        own = {"_joined": _joined, "_filtered": _filtered}
        self.filters = {name: _charged(each) for name, each in kept.items()} | own

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look a name up: in a mapping its item, of `loop` its attribute, of anything else nothing."""
        if type(obj) is dict and attribute in obj:  # nearly always: worth not asking what a mapping is
            return obj[attribute]
        if isinstance(obj, Mapping):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext) and not attribute.startswith("_"):
            return getattr(obj, attribute, self.undefined(obj=obj, name=attribute))
        return self._closed(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look an item up; a name in square brackets reaches no attribute either."""
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        if isinstance(argument, str):
            return self._closed(obj, argument)
        return super().getitem(obj, argument)

    def _closed(self, obj: Any, name: str) -> Undefined:
        if isinstance(obj, Undefined):
            return obj
        return self.undefined(f"{name!r} cannot be read: a {type(obj).__name__} has no named parts", exc=SecurityError)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Filters that read attributes (`map`, `groupby`) may read none of an object's own."""
        return False

    def step(self) -> None:
        """Take one step. Raises SecurityError where none is left."""
        _spend(1)

    def call(self, context: Any, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a macro or a global function, for one step."""
        _spend(1)
        if type(obj) is Macro:  # what Jinja would do, without looking what kind of callable it is
            kwargs.pop("_loop_vars", None)
            kwargs.pop("_block_vars", None)
            return obj(context.eval_ctx, *args, **kwargs)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute with numbers; of the operators that can grow, texts and lists have a bounded `+` only."""
        if _is_number(left) and _is_number(right) and operator != "**":
            return _moderate(super().call_binop(context, operator, _moderate(left), _moderate(right)))
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _joined([left, right])
        raise SecurityError(f"{type(left).__name__} {operator} {type(right).__name__} cannot be computed here")

    def run(self, template: Template, variables: Mapping[str, Any]) -> str:
        """Render within the bounds; raises SecurityError beyond them, and what Jinja raises."""
        token = _left.set([STEPS])
        try:
            return _counted(template.root_render_func(template.new_context(dict(variables))))
        except Exception:  # noqa: BLE001 -- Jinja's way to say where in the template it was; it raises again
            return self.handle_exception()
        finally:
            _left.reset(token)


def _counted(chunks: Iterable[str]) -> str:
    """Return all chunks as one text; some are taken at once, and what is too long is seen before it is whole."""
    texts: list[str] = []
    length, rest = 0, iter(chunks)
    while some := list(islice(rest, CHUNKS)):
        texts.append("".join(some))
        length += len(texts[-1])
        if length > LENGTH:
            raise SecurityError(f"the text is longer than {LENGTH} characters")
    return "".join(texts)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > RANGE:
        raise SecurityError(f"a range of {len(numbers)} is more than {RANGE}")
    return numbers


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)
