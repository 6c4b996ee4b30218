"""The values of metric math: a number, a time series, or several time series."""

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from infrastructure.embedded.apis.cloudwatch.metric_math.grammar import ExpressionError


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Values by their time, Unix seconds, ascending; what is not a finite number is not there."""

    points: Mapping[float, float] = field(default_factory=dict)
    period_s: float = 60.0
    label: str = ""

    def of(self, points: Iterable[tuple[float, float]]) -> "Series":
        """The same series with other values."""
        return replace(self, points={at: value for at, value in points if math.isfinite(value)})


Value = float | str | Series | tuple[Series, ...]

SIGNS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
    "&&": lambda left, right: bool(left and right),
    "AND": lambda left, right: bool(left and right),
    "||": lambda left, right: bool(left or right),
    "OR": lambda left, right: bool(left or right),
}


def combined(sign: str, left: Value, right: Value) -> Value:
    """Both sides by an operator: of series at the times that both have, of several each by itself."""
    if isinstance(left, str) or isinstance(right, str):
        raise ExpressionError(f"A text cannot be an operand of {sign}")
    if isinstance(left, tuple) and isinstance(right, tuple):
        raise ExpressionError(f"Two arrays of time series cannot be operands of {sign}")
    if isinstance(left, tuple):
        return tuple(_of_two(sign, each, right) for each in left)  # type: ignore[misc, arg-type]  # no array beside one
    if isinstance(right, tuple):
        return tuple(_of_two(sign, left, each) for each in right)  # type: ignore[misc]  # a series gives one
    return _of_two(sign, left, right)


def mapped(value: Value, change: Callable[[float], float]) -> Value:
    """Every number of it changed."""
    if isinstance(value, tuple):
        return tuple(each.of((at, safely(change, one)) for at, one in each.points.items()) for each in value)
    if isinstance(value, Series):
        return value.of((at, safely(change, one)) for at, one in value.points.items())
    if isinstance(value, str):
        raise ExpressionError(f"{value!r} is no number")
    return safely(change, value)


def safely(change: Callable[..., float], *numbers: float) -> float:
    """NaN where there is no such number: a division by zero, a root of what is negative."""
    try:
        found = change(*numbers)
    except (ArithmeticError, ValueError):
        return math.nan
    return math.nan if isinstance(found, complex) else float(found)


def _of_two(sign: str, left: float | Series, right: float | Series) -> float | Series:
    act = SIGNS[sign]
    if isinstance(left, Series) and isinstance(right, Series):
        both = (at for at in left.points if at in right.points)
        return left.of((at, safely(act, left.points[at], right.points[at])) for at in both)
    if isinstance(left, Series):
        return left.of((at, safely(act, one, right)) for at, one in left.points.items())  # type: ignore[arg-type]  # a number
    if isinstance(right, Series):
        return right.of((at, safely(act, left, one)) for at, one in right.points.items())
    return safely(act, left, right)
