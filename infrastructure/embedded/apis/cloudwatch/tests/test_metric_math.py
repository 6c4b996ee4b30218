"""Metric math: what expressions give, and why some are refused. Values are worked out by hand from AWS's user guide."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from infrastructure.embedded.apis.cloudwatch.metric_math.evaluation import Evaluation
from infrastructure.embedded.apis.cloudwatch.metric_math.functions import FUNCTIONS, Window
from infrastructure.embedded.apis.cloudwatch.metric_math.series import Series
from infrastructure.embedded.gateway.refused import Refused

WINDOW = Window(start=0.0, end=300.0, period_s=60.0)


def series(*values: float | None, label: str = "") -> Series:
    """A value a minute; None is missing."""
    points = {60.0 * minute: value for minute, value in enumerate(values) if value is not None}
    return Series(points=points, period_s=60.0, label=label)


METRICS = {
    "m1": series(1, 2, None, 4, 5, label="one"),
    "m2": series(10, None, 30, 40, 0, label="two"),
    "errors1": series(1, 1, 1, 1, 1),
}


def evaluated(text: str, **others: str) -> tuple[Series, ...]:
    expressions = {"e": text, **others}
    return Evaluation(metrics=METRICS, expressions=expressions, window=WINDOW).series("e")


def values(found: Series) -> list[float | None]:
    return [found.points.get(60.0 * minute) for minute in range(5)]


class Counted(dict[float, float]):
    """Knows how often it was gone through."""

    def __init__(self, points: Mapping[float, float]) -> None:
        super().__init__(points)
        self.times = 0

    def __iter__(self) -> Iterator[float]:
        self.times += 1
        return super().__iter__()


def test_filling_goes_through_the_points_once_however_many_are_missing() -> None:
    points = Counted({60.0 * minute: float(minute) for minute in range(1, 1000, 2)})
    window = Window(start=0.0, end=60_000.0, period_s=60.0)
    _, fill = FUNCTIONS["FILL"]
    filled = fill(window, (Series(points=points, period_s=60.0), "LINEAR"))
    assert isinstance(filled, Series)
    assert filled.points == {60.0 * minute: minute for minute in range(1, 1000)}
    assert points.times == 1


RIGHT: dict[str, list[float | None]] = {
    "m1 + 1": [2, 3, None, 5, 6],
    "m1 + m2": [11, None, None, 44, 5],
    "m1 / m2": [0.1, None, None, 0.1, None],
    "2 * -m1 + 10": [8, 6, None, 2, 0],
    "2 + 3 * m1 ^ 2": [5, 14, None, 50, 77],
    "(2 + 3) * m1": [5, 10, None, 20, 25],
    "10 - 2 - m1": [7, 6, None, 4, 3],
    "m1 > 1 AND m1 < 5": [0, 1, None, 1, 0],
    "m1 == 1 || m1 == 5": [1, 0, None, 0, 1],
    "ABS(0 - m1)": [1, 2, None, 4, 5],
    "CEIL(m1 / 2)": [1, 1, None, 2, 3],
    "FLOOR(m1 / 2)": [0, 1, None, 2, 2],
    "m1 / SUM(m1)": [1 / 12, 2 / 12, None, 4 / 12, 5 / 12],
    "m1 - AVG(m1)": [-2, -1, None, 1, 2],
    "m1 * MAX(m1) - MIN(m1)": [4, 9, None, 19, 24],
    "SUM([m1, m2])": [11, 2, 30, 44, 5],
    "MAX([m1, m2])": [10, 2, 30, 40, 5],
    "AVG(METRICS('m'))": [5.5, 2, 30, 22, 2.5],
    "SUM(METRICS())": [12, 3, 31, 45, 6],
    "m1 * METRIC_COUNT(METRICS())": [3, 6, None, 12, 15],
    "FILL(m1, 0)": [1, 2, 0, 4, 5],
    "FILL(m1, REPEAT)": [1, 2, 2, 4, 5],
    "FILL(m1, LINEAR)": [1, 2, 3, 4, 5],
    "FILL(m1, m2)": [1, 2, 30, 4, 5],
    "FILL(m1, 0) + FILL(m2, 0)": [11, 2, 30, 44, 5],
    "IF(m1 > 2, 1, 0)": [0, 0, None, 1, 1],
    "IF(m1 > 2, m2, m1)": [1, 2, None, 40, 0],
    "IF(1 > 2, m2, m1)": [1, 2, None, 4, 5],
    "DIFF(m1)": [None, 1, None, 2, 1],
    "RATE(m1) * 60": [None, 1, None, 1, 1],
    "RUNNING_SUM(m1)": [1, 3, None, 7, 12],
    "m1 / PERIOD(m1)": [1 / 60, 2 / 60, None, 4 / 60, 5 / 60],
    "m1 + DATAPOINT_COUNT(m1)": [5, 6, None, 8, 9],
    "TIME_SERIES(7)": [7, 7, 7, 7, 7],
    "LOG10(m2)": [1, None, 1.4771212547, 1.6020599913, None],
    "STDDEV([m1, m2])": [4.5, 0, 0, 18, 2.5],
}


@pytest.mark.parametrize(("text", "expected"), RIGHT.items(), ids=RIGHT)
def test_an_expression_gives(text: str, expected: list[Any]) -> None:
    [found] = evaluated(text)
    assert values(found) == [each if each is None else pytest.approx(each) for each in expected]


def test_an_expression_over_several_series_gives_as_many_with_their_names() -> None:
    found = evaluated("METRICS('m') * 2")
    assert [(each.label, values(each)[0]) for each in found] == [("one", 2), ("two", 20)]


def test_expressions_refer_to_each_other_in_any_order() -> None:
    [found] = evaluated("rate * 100", rate="m1 / total", total="m1 + 0 * m1")
    assert values(found) == [100, 100, None, 100, 100]


WRONG = {
    "m1 +": "It ends where a value is expected",
    "m1 m2": "Unexpected 'm2'",
    "(m1": r"Missing '\)'",
    "m9 * 2": "Undefined variable 'm9'",
    "1 + 2": "does not give a time series",
    "AVG(m1)": "does not give a time series",
    "NOPE(m1)": "Unknown function NOPE",
    "RATE(m1, m2)": "RATE takes 1 arguments, not 2",
    "FILL(m1, 'x')": "FILL takes a number",
    "METRICS(m1)": "METRICS takes a text",
    "m1 * 'text'": "A text cannot be an operand",
    "METRICS() + METRICS()": "Two arrays",
    "e + 1": "It depends on itself: e -> e",
    "m1 $ 2": r"Unexpected character '\$'",
    "-" * 100 + "m1": "nested more than 30 deep",
    "": "It ends where",
}


@pytest.mark.parametrize(("text", "reason"), WRONG.items(), ids=WRONG)
def test_an_expression_that_means_nothing_is_refused(text: str, reason: str) -> None:
    with pytest.raises(Refused, match=f"Error in expression 'e': .*{reason}") as refusal:
        evaluated(text)
    assert refusal.value.code == "ValidationError"


def test_what_asks_elsewhere_is_not_provided() -> None:
    with pytest.raises(Refused, match=r"UnsupportedOperation: .*SEARCH in metric math"):
        evaluated("SEARCH('{AWS/SQS,QueueName}', 'Sum', 300)")


def test_a_long_expression_is_evaluated() -> None:
    """2,048 characters are the most that a call may have."""
    [found] = evaluated("m1" + "+1" * 1023)
    assert values(found)[0] == 1024


def test_a_window_of_too_many_data_points_is_not_filled() -> None:
    window = Window(start=0.0, end=14 * 86_400.0, period_s=1.0)
    asked = Evaluation(metrics={}, expressions={"e": "TIME_SERIES(1)"}, window=window)
    with pytest.raises(Refused, match="More than 100800 data points"):
        asked.series("e")
