from dataclasses import replace
from typing import Literal

import pytest

from plugins.slo import Verdict
from plugins.telemetry import Anomaly, Series, Span

BEFORE, DURING, AFTER = (
    Span(name=n, start=s, end=s + 5.0) for n, s in (("before", 0.0), ("during", 5.0), ("after", 10.0))
)


def _series(*values: float | None) -> Series:
    return Series(name="m", unit="", points=tuple((float(at), v) for at, v in enumerate(values) if v is not None))


@pytest.mark.parametrize(
    ("anomaly", "values", "expected"),
    [
        pytest.param(
            Anomaly(name="m", direction="up", by=5), [1] * 5 + [1, 9, 9, 1, 1] + [1] * 5, Verdict.PASS, id="spike"
        ),
        pytest.param(Anomaly(name="m", direction="up", by=5), [1] * 15, Verdict.FAIL, id="never moved"),
        pytest.param(Anomaly(name="m", direction="up", by=5), [1] * 5 + [9] * 10, Verdict.FAIL, id="never returned"),
        pytest.param(Anomaly(name="m", direction="down", by=1), [2] * 5 + [1] * 5 + [2] * 5, Verdict.PASS, id="dip"),
        pytest.param(
            Anomaly(name="m", direction="down", by=1), [2] * 5 + [9] * 5 + [2] * 5, Verdict.FAIL, id="wrong way"
        ),
        pytest.param(
            Anomaly(name="m", direction="up", by=5),
            [None] * 5 + [9] * 5 + [1] * 5,
            Verdict.INCONCLUSIVE,
            id="no baseline",
        ),
        pytest.param(
            Anomaly(name="m", direction="up", by=5, silent_is_zero=True),
            [None] * 5 + [9] * 5 + [None] * 5,
            Verdict.PASS,
            id="a silent count is zero",
        ),
        pytest.param(
            Anomaly(name="m", direction="up", by=5, must_return=False),
            [1] * 5 + [9] * 10,
            Verdict.PASS,
            id="need not return",
        ),
        pytest.param(
            Anomaly(name="m", direction="down", by=4, may_stay=0.5),
            [19] * 5 + [0] * 5 + [10] * 5,
            Verdict.PASS,
            id="as much of it as may",
        ),
        pytest.param(
            Anomaly(name="m", direction="down", by=4, may_stay=0.5),
            [19] * 5 + [0] * 5 + [9] * 5,
            Verdict.FAIL,
            id="more of it than may",
        ),
        pytest.param(
            Anomaly(name="m", direction="down", by=4, may_stay=0.1),
            [10] * 5 + [6] * 5 + [8] * 5,
            Verdict.PASS,
            id="half of what was asked for may always",
        ),
    ],
)
def test_a_dashboard_expectation_is_held_against_the_series(
    anomaly: Anomaly, values: list[float | None], expected: Verdict
) -> None:
    assert anomaly.check(_series(*values), BEFORE, DURING, AFTER).verdict == expected


def test_an_effect_inside_the_period_of_the_injection_is_seen() -> None:
    points = tuple((float(at), 9.0 if at == 4 else 1.0) for at in range(15))
    series = Series(name="m", unit="", points=points, period_s=1.0)
    during = Span(name="during", start=4.7, end=9.7)
    result = Anomaly(name="m", direction="up", by=5).check(series, Span(name="before", start=0, end=4.7), during, AFTER)
    assert result.verdict == Verdict.PASS


def test_the_result_shows_what_was_expected_and_what_was_seen() -> None:
    result = Anomaly(name="5XX", direction="up", by=5).check(
        _series(*[0] * 5, *[2] * 5, *[0] * 5), BEFORE, DURING, AFTER
    )
    assert result.text == "5XX goes up by ≥ 5: it moved by 2 from 0"


@pytest.mark.parametrize(
    ("anomaly", "text"),
    [
        (Anomaly(name="m", direction="up", by=5), "m up by at least 5, and back afterwards"),
        (Anomaly(name="m", direction="up", by=5, must_return=False), "m up by at least 5"),
        (Anomaly(name="m", direction="up", by=5, may_stay=0.25), "m up by at least 5, and 75% of it back afterwards"),
    ],
)
def test_an_expectation_says_what_must_come_back(anomaly: Anomaly, text: str) -> None:
    assert str(anomaly) == text


@pytest.mark.parametrize(
    ("direction", "values", "expected"),
    [
        pytest.param("up", [None] * 5 + [40] * 5 + [None, None, 40], Verdict.PASS, id="a straggler afterwards"),
        pytest.param("up", [40, *[None] * 4] + [42] * 5 + [None] * 5, Verdict.PASS, id="a stray one before"),
        pytest.param("up", [40, *[None] * 4] + [90] * 5 + [40] * 5, Verdict.FAIL, id="a stray one hides no stay"),
        pytest.param("down", [9] * 5 + [9, *[None] * 4] + [9] * 5, Verdict.PASS, id="silent for most of the fault"),
    ],
)
def test_a_count_is_zero_in_each_period_in_which_it_is_silent(
    direction: Literal["up", "down"], values: list[float | None], expected: Verdict
) -> None:
    anomaly = Anomaly(name="m", direction=direction, by=5, silent_is_zero=True)
    series = replace(_series(*values), period_s=1.0)
    assert anomaly.check(series, BEFORE, DURING, AFTER).verdict == expected


def test_a_window_without_a_whole_period_says_nothing_of_a_count() -> None:
    anomaly = Anomaly(name="m", direction="up", by=5, silent_is_zero=True)
    series = replace(_series(*[None] * 15), period_s=60.0)
    result = anomaly.check(series, BEFORE, DURING, AFTER)
    assert result.verdict is Verdict.INCONCLUSIVE
    assert "no data during" in result.text
