"""From text to Python's syntax tree, and from a place in the tree back to a column of the text."""

import ast
import warnings

from engine.expressions.functions import FUNCTIONS
from engine.expressions.kinds import ExpressionError

MAX_LENGTH = 2_000
ALLOWED = (
    "allowed are field names, numbers, texts, true, false, null, + - * / // % **, == != < <= > >=, "
    "in, not in, and, or, not, `a if c else b` and " + ", ".join([*FUNCTIONS, "field"])
)


class Source:
    """The text of one expression. Line breaks count as spaces."""

    def __init__(self, text: str) -> None:
        line = "".join(" " if character.isspace() else character for character in text)
        self._line = line.strip()
        self._indent = len(line) - len(line.lstrip())
        self._bytes = self._line.encode(errors="surrogatepass")

    def offset(self, tree: ast.expr) -> int:
        """Return the column at which `tree` begins; the tree itself counts bytes of UTF-8."""
        return self._indent + len(self._bytes[: tree.col_offset].decode(errors="replace"))

    def tree(self) -> ast.expr:
        """Return the syntax tree. Raises ExpressionError."""
        if len(self._line) > MAX_LENGTH:
            raise ExpressionError(f"longer than {MAX_LENGTH:,} characters", self._indent + MAX_LENGTH)
        if not self._line:
            raise ExpressionError("an expression is missing, as in `status >= 500`")
        try:
            return self._parse()
        except SyntaxError as error:
            offset = min(max((error.offset or 1) - 1, 0), len(self._line))
            raise ExpressionError(self._advice(error.msg), self._indent + offset) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise ExpressionError(f"cannot be read: {error!s:.200}".rstrip(": "), self._indent) from None

    def _parse(self) -> ast.expr:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # an invalid escape becomes a SyntaxError
            return ast.parse(self._line, mode="eval").body

    def _advice(self, message: str) -> str:
        if "&&" in self._line or "||" in self._line:
            return "write `and` and `or` instead of && and ||"
        if self._line.startswith("if"):
            return "write `a if condition else b`"
        return f"{message}; {ALLOWED}"
