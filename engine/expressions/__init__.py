"""The expression language of detectors and playbooks: `where`, `measure`, `compute`, `severity`.

It looks like Python and is read by Python's parser, but never run by Python: only what is named here is taken.

- **Values**: numbers (`5`, `0.2`, `1e-3`), texts (`"eu"`, `'eu'`), `true`, `false`, `null`.
- **Fields**: `status`, `http.status`; `field("status-code")` where the name is no plain word.
- **Arithmetic**: `+ - * / // % **`; the exponent is a number from -32 to 32. A result that is not finite is absent.
- **Comparisons**: `== != < <= > >=`, also in chains: `0 < value <= 1`. Texts are ordered by code points.
- **Lists and parts**: `region in ["eu", "us"]`, `"time-out" in message`, both with `not in`.
- **Conditions**: `and`, `or`, `not`; a number is no condition, compare it: `errors > 0`.
- **Choice**: `a if condition else b`.
- **Functions**: `abs round(x) round(x, digits) floor ceil log log10 sqrt exp`, `min max` of two and more,
  `lower upper len`, `startswith endswith contains` (text, part), `matches` (text, glob), `coalesce` (the first that is
  present), `is_missing`, `hour` and `weekday` (of epoch seconds, in UTC; Monday is 0).

**Absent values**: arithmetic with an absent value is absent. Every comparison with one is false, `!=` and `not in` too;
ask `is_missing(x)`, for which `x == null` is another spelling. `not` turns what does not hold into what does, so
`not (x > 5)` holds where `x` is absent, and `x <= 5` does not.

**Kinds** (number, text, truth) are inferred from use; a contradiction is an error.

>>> dict(Expression.parse('status >= 500 and region in ["eu", "us"]').fields)
{'status': <Kind.NUMBER: 'number'>, 'region': <Kind.TEXT: 'text'>}
>>> Expression.parse("100 * used / max(total, 1)").value({"used": 3, "total": 4})
75.0
>>> Expression.parse('matches(lower(path), "/api/*") and not cached').value({"path": "/API/users", "cached": False})
True
>>> [Expression.parse("plan != 'free'").value({"plan": plan}) for plan in ("free", "pro", None)]
[False, True, False]
>>> Expression.parse("coalesce(latency_ms, 0) if weekday(at) < 5 else null").value({"at": 0.0})
0.0
>>> Expression.parse("status > 5 and status == 'ok'")
Traceback (most recent call last):
engine.expressions.kinds.ExpressionError: this is a text, but a number is needed here
"""

from engine.expressions.expression import Expression
from engine.expressions.kinds import ExpressionError, Kind

__all__ = ["Expression", "ExpressionError", "Kind"]
