"""The functions of metric math. Each takes its arguments' values; those that need the window get it.

Not here, and so refused: SEARCH and what asks other services (ANOMALY_DETECTION_BAND, SERVICE_QUOTA, LAMBDA …).
"""

import math
import statistics
from bisect import bisect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from infrastructure.embedded.apis.cloudwatch.metric_math.grammar import ExpressionError
from infrastructure.embedded.apis.cloudwatch.metric_math.series import Series, Value, mapped
from infrastructure.embedded.gateway.api import names

MOST_POINTS = 100_800
"""Data points of one call. Source: API Reference, GetMetricData."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """From when until when data were asked for, in Unix seconds, and the period of an expression without metrics."""

    start: float
    end: float
    period_s: float

    def times(self, period_s: float) -> Iterator[float]:
        """The beginning of every period within; `ExpressionError` when they are too many."""
        if (self.end - self.start) / period_s > MOST_POINTS:
            raise ExpressionError(f"More than {MOST_POINTS} data points are asked for")
        at = self.start - self.start % period_s
        while at < self.end:
            yield at
            at += period_s


Arguments = Sequence[Value]


def _statistic(reduce: Callable[[list[float]], float]) -> Callable[[Window, Arguments], Value]:
    """Of one series its number, of several the series of what they have at each time."""

    def of(_window: Window, given: Arguments) -> Value:
        [value] = given
        if isinstance(value, tuple):
            times = sorted({at for each in value for at in each.points})
            columns = ((at, [each.points[at] for each in value if at in each.points]) for at in times)
            first = value[0] if value else Series()
            return Series(period_s=first.period_s).of((at, reduce(column)) for at, column in columns)
        values = list(_series(value).points.values())
        return reduce(values) if values else math.nan

    return of


def _each(change: Callable[[float], float]) -> Callable[[Window, Arguments], Value]:
    return lambda _window, given: mapped(given[0], change)


def _steps(change: Callable[[float, float, float], float]) -> Callable[[Window, Arguments], Value]:
    """Of each point and the one before it; the first has none. `change` gets both values and the seconds between."""

    def one(series: Series) -> Series:
        pairs = pairwise(series.points.items())
        return series.of((at, change(before, value, at - earlier)) for (earlier, before), (at, value) in pairs)

    return lambda _window, given: _over(given[0], one)


def _running_sum(_window: Window, given: Arguments) -> Value:
    def one(series: Series) -> Series:
        return series.of(zip(series.points, accumulate(series.points.values()), strict=True))

    return _over(given[0], one)


def _fill(window: Window, given: Arguments) -> Value:
    value, filler = given
    if isinstance(filler, tuple):
        raise ExpressionError("The second argument of FILL is a number, a time series, REPEAT or LINEAR")
    return _over(value, lambda series: _filled(series, filler, window))


def _filled(series: Series, filler: float | str | Series, window: Window) -> Series:
    times, known = list(window.times(series.period_s)), series.points
    if isinstance(filler, str) and filler not in ("REPEAT", "LINEAR"):
        raise ExpressionError(f"FILL takes a number, a time series, REPEAT or LINEAR, not {filler}")
    if filler == "REPEAT":
        held = accumulate(times, lambda last, at: known.get(at, last), initial=math.nan)
        return series.of(zip(times, list(held)[1:], strict=True))
    if filler == "LINEAR":
        places = sorted(known)
        return series.of((at, known[at] if at in known else _between(known, places, at)) for at in times)
    if isinstance(filler, Series):
        return series.of((at, known.get(at, filler.points.get(at, math.nan))) for at in times)
    return series.of((at, known.get(at, float(filler))) for at in times)


def _between(known: Mapping[float, float], places: Sequence[float], at: float) -> float:
    """On the line between its neighbours among `places`, the known times; NaN where there is none on one side."""
    number = bisect(places, at)
    if number in (0, len(places)):
        return math.nan
    low, high = places[number - 1], places[number]
    return known[low] + (known[high] - known[low]) * (at - low) / (high - low)


def _if(_window: Window, given: Arguments) -> Value:
    condition, yes, no = given
    if isinstance(condition, float):
        return yes if condition else no
    asked = _series(condition)

    def chosen(at: float, is_true: float) -> float:
        picked = yes if is_true else no
        if isinstance(picked, Series):
            return picked.points.get(at, math.nan)
        if not isinstance(picked, float):
            raise ExpressionError("IF chooses between numbers and time series")
        return picked

    return asked.of((at, chosen(at, value)) for at, value in asked.points.items())


def _time_series(window: Window, given: Arguments) -> Value:
    number = given[0]
    if not isinstance(number, float):
        raise ExpressionError("TIME_SERIES takes a number")
    return Series(period_s=window.period_s).of((at, number) for at in window.times(window.period_s))


def _over(value: Value, change: Callable[[Series], Series]) -> Value:
    """Of each series when there are several."""
    return tuple(change(each) for each in value) if isinstance(value, tuple) else change(_series(value))


def _series(value: Value) -> Series:
    if not isinstance(value, Series):
        raise ExpressionError("A time series is expected")
    return value


def _several(value: Value) -> tuple[Series, ...]:
    return value if isinstance(value, tuple) else (_series(value),)


FUNCTIONS: Mapping[str, tuple[int, Callable[[Window, Arguments], Value]]] = {
    "ABS": (1, _each(abs)),
    "AVG": (1, _statistic(statistics.fmean)),
    "CEIL": (1, _each(math.ceil)),
    "DATAPOINT_COUNT": (1, lambda _window, given: float(len(_series(given[0]).points))),
    "DIFF": (1, _steps(lambda before, value, _seconds: value - before)),
    "DIFF_TIME": (1, _steps(lambda _before, _value, seconds: seconds)),
    "FILL": (2, _fill),
    "FLOOR": (1, _each(math.floor)),
    "IF": (3, _if),
    "LOG": (1, _each(math.log)),
    "LOG10": (1, _each(math.log10)),
    "MAX": (1, _statistic(max)),
    "METRIC_COUNT": (1, lambda _window, given: float(len(_several(given[0])))),
    "MIN": (1, _statistic(min)),
    "PERIOD": (1, lambda _window, given: _series(given[0]).period_s),
    "RATE": (1, _steps(lambda before, value, seconds: (value - before) / seconds)),
    "RUNNING_SUM": (1, _running_sum),
    "STDDEV": (1, _statistic(statistics.pstdev)),
    "SUM": (1, _statistic(math.fsum)),
    "TIME_SERIES": (1, _time_series),
}
"""How many arguments each takes, and what it makes of them. METRICS is the evaluation's own."""
ELSEWHERE = names(
    "ANOMALY_DETECTION_BAND DATE DAY DB_PERF_INSIGHTS EPOCH FIRST HOUR INSIGHT_RULE_METRIC LAMBDA LAST MINUTE MONTH "
    "REMOVE_EMPTY SEARCH SERVICE_QUOTA SLICE SORT YEAR"
)
"""Functions of AWS's that are not provided."""
