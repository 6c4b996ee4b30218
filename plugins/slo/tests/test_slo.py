import math

import pytest

from plugins.slo import MIN_SAMPLES, ClaimError, Objective, Slo, Verdict, plain
from plugins.slo.quantile import nearest_rank

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("p99 <= 250 ms", "p99 ≤ 250 ms ± 0".removesuffix(" ± 0"), id="latency"),
        pytest.param("errors ≤ 0.1 %", "errors ≤ 0.1 %", id="unicode"),
        pytest.param("goodput>=150/s", "goodput ≥ 150 /s", id="no blanks"),
        pytest.param("cpu = 95 % +- 5", "cpu = 95 % ± 5", id="tolerance"),
        pytest.param("cpu = 95 % ± 5 %", "cpu = 95 % ± 5", id="tolerance with unit"),
        pytest.param("rpo <= 0", "rpo ≤ 0", id="no unit"),
    ],
)
def test_an_objective_reads_as_people_write_it(text: str, expected: str) -> None:
    assert str(Objective.parse(text)) == expected


@pytest.mark.parametrize("text", ["", "p99", "p99 < 3 ms", "fast", "p99 <= quick", "p99 <= 250 ms +- 5", "<= 3 ms"])
def test_an_unreadable_objective_shows_itself_and_a_form_that_works(text: str) -> None:
    with pytest.raises(ValueError, match=r"no objective; write|only '=' takes one") as refused:
        Objective.parse(text)
    assert repr(text) in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value", "verdict", "margin"),
    [
        pytest.param("p99 <= 250 ms", 250.0, PASS, 0.0, id="at the bound"),
        pytest.param("p99 <= 250 ms", 250.1, FAIL, -0.1, id="just above"),
        pytest.param("goodput >= 150 /s", 149.0, FAIL, -1.0, id="below a floor"),
        pytest.param("cpu = 95 %", 95.0, PASS, 0.0, id="the very value"),
        pytest.param("cpu = 95 %", 95.5, FAIL, -0.5, id="no tolerance was given"),
        pytest.param("cpu = 95 % +- 5", 90.0, PASS, 0.0, id="at the edge of the tolerance"),
        pytest.param("cpu = 95 % +- 5", 100.5, FAIL, -0.5, id="beyond the tolerance"),
        pytest.param("p99 <= 250 ms", None, INCONCLUSIVE, None, id="nothing measured"),
        pytest.param("p99 <= 250 ms", math.nan, INCONCLUSIVE, None, id="not a number"),
    ],
)
def test_a_value_is_held_against_the_bound(
    text: str, value: float | None, verdict: Verdict, margin: float | None
) -> None:
    result = Objective.parse(text).judge(value)
    assert (result.verdict, result.margin) == (verdict, pytest.approx(margin) if margin is not None else None)


def test_an_objective_tolerates_nothing_unless_it_says_so() -> None:
    exactly = Objective(indicator="cpu", operator="=", bound=95.0, unit="%")
    assert (exactly.judge(95.0).verdict, exactly.judge(95.5).verdict) == (PASS, FAIL)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        pytest.param([PASS, PASS], PASS, id="all pass"),
        pytest.param([PASS, INCONCLUSIVE], INCONCLUSIVE, id="a doubt is no pass"),
        pytest.param([FAIL, INCONCLUSIVE, PASS], FAIL, id="a failure outweighs a doubt"),
        pytest.param([], INCONCLUSIVE, id="nothing judged proves nothing"),
    ],
)
def test_verdicts_combine_to_the_worst(verdicts: list[Verdict], expected: Verdict) -> None:
    assert Verdict.all_of(verdicts) == expected


def test_a_verdict_is_told_by_its_name() -> None:
    """In JUnit, in the history and on the terminal."""
    assert {verdict.name: verdict.value for verdict in Verdict} == {
        "PASS": "pass", "FAIL": "fail", "INCONCLUSIVE": "inconclusive",
    }  # fmt: skip
    report = Slo.of("checkout", "errors <= 1 %").judge({"errors": 0.5})
    assert str(report) == "checkout: PASS\n  PASS         errors ≤ 1 %: measured 0.5 %, margin +0.5 %"


def test_a_percentile_of_too_few_samples_is_inconclusive_and_reports_why() -> None:
    slo = Slo.of("checkout", "p99 <= 250 ms", "errors <= 1 %")
    report = slo.judge({"p99": 10.0, "errors": 0.0}, samples=298)
    assert report.verdict == INCONCLUSIVE
    assert report.reasons == ("checkout: INCONCLUSIVE p99 ≤ 250 ms: p99 needs 299 samples, there are 298",)
    assert "nothing was measured" not in str(report)
    assert slo.judge({"p99": 10.0, "errors": 0.0}, samples=299).verdict == PASS


@pytest.mark.parametrize(
    ("indicator", "share"), [("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999)]
)
def test_a_percentile_is_claimed_with_95_percent_confidence_and_from_no_more_samples_than_that_takes(
    indicator: str, share: float
) -> None:
    fewest = MIN_SAMPLES[indicator]
    assert 1 - share**fewest >= 0.95
    assert indicator == "p50" or 1 - share ** (fewest - 1) < 0.95, "ten requests are the least for a median"


@pytest.mark.parametrize(
    ("text", "value", "slip", "verdict"),
    [
        ("p99 <= 250 ms", 250.0, 999.0, PASS),
        ("p99 <= 250 ms", 260.0, 10.0, INCONCLUSIVE),
        ("p99 <= 250 ms", 260.5, 10.0, FAIL),
        ("p99 <= 250 ms", 260.0, None, FAIL),
        ("goodput >= 150 /s", 149.0, 10.0, FAIL),
    ],
    ids=["kept", "missed by what the generator was late", "missed by more", "never late", "a floor"],
)
def test_what_the_generator_was_late_is_not_the_services_fault(
    text: str, value: float, slip: float | None, verdict: Verdict
) -> None:
    objective = Objective.parse(text)
    name = objective.indicator
    assert Slo("s", (objective,)).judge({name: value, f"slip.{name}": slip}).verdict is verdict


def test_an_slo_reports_all_unreadable_objectives_at_once() -> None:
    with pytest.raises(ValueError, match=r"'bad one'.*'bad two'"):
        Slo.of("checkout", "bad one", "p99 <= 1 ms", "bad two")


def test_slos_compose() -> None:
    both = Slo.of("fast", "p99 <= 250 ms") & Slo.of("clean", "errors <= 0 %")
    assert both.judge({"p99": 1.0, "errors": 3.0}, samples=1000).verdict == FAIL
    assert both.name == "fast & clean"


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("rto <= 5000 ms", "s"),
        ("capture.rto <= 5000 ms", "s"),
        ("p99 <= 3 s", "ms"),
        ("p99 <= 250", "ms"),
        ("errors.p99 <= 3 s", "ms"),
        ("errors.unclean <= 0.1", "%"),
        ("goodput >= 30 %", "/s"),
        ("rpo <= 0 s", "no unit"),
    ],
)
def test_an_objective_in_another_unit_than_its_indicator_is_refused(text: str, unit: str) -> None:
    """Held against a value in seconds, 5000 could not be missed."""
    with pytest.raises(ValueError, match=f"{text!r}.* in {unit}"):
        Objective.parse(text)


def test_an_indicator_of_ones_own_has_the_unit_one_gives_it() -> None:
    assert [Objective.parse(text).unit for text in ("throttles <= 3", "queue <= 3 s")] == ["", "s"]


def test_a_tolerance_in_percent_of_something_else_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'p50 = 100 ms \+- 5 %'.*in ms"):
        Objective.parse("p50 = 100 ms +- 5 %")


def test_latencies_stretch_with_the_environment_and_nothing_else_does() -> None:
    slo = Slo.of("s", "p99 <= 100 ms", "errors <= 1 %", "rto <= 2 s").stretched(2.5)
    assert [objective.bound for objective in slo.objectives] == [250.0, 1.0, 2.0]
    assert slo.name == "s"


def test_an_objective_that_was_stretched_says_so() -> None:
    latency, errors = Slo.of("s", "p99 <= 250 ms", "errors <= 1 %").stretched(3.0).objectives
    assert str(latency.judge(700.0)) == "PASS         p99 ≤ 750 ms (3 times 250): measured 700 ms, margin +50 ms"
    assert str(errors) == "errors ≤ 1 %"
    assert str(latency.stretched(0.5)) == "p99 ≤ 375 ms (1.5 times 250)"
    assert str(Slo.of("s", "p99 <= 250 ms").stretched(1.0).objectives[0]) == "p99 ≤ 250 ms"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (15000.0, "15000"),
        (12345.6, "12346"),
        (-1234567.0, "-1234567"),
        (0.00001234, "0.00001234"),
        (0.0, "0"),
        (95.04, "95.04"),
        (999.7, "999.7"),
        (-999.7, "-999.7"),
        (1000.0, "1000"),
        (math.inf, "inf"),
    ],
)
def test_a_figure_is_written_as_people_write_it(value: float, text: str) -> None:
    assert plain(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.5, "+0.5"), (-0.5, "-0.5"), (1500.0, "+1500"), (0.00001, "+0.00001")])
def test_a_margin_has_its_sign(value: float, text: str) -> None:
    assert plain(value, "+") == text


@pytest.mark.parametrize(
    ("indicators", "unit"),
    [
        ("p50 p90 p95 p99 p999 max mean slip slip.p99 errors.p99 capture.p99", "ms"),
        ("errors errors.unclean dropped cpu cold", "%"),
        ("throughput goodput offered rate", "/s"),
        ("rto capture.rto", "s"),
        ("rpo", ""),
    ],
    ids=["ms", "percent", "per second", "seconds", "none"],
)
def test_every_indicator_of_ours_is_held_to_its_unit(indicators: str, unit: str) -> None:
    for indicator in indicators.split():
        assert Objective.parse(f"{indicator} <= 3 {unit}").unit == unit
        with pytest.raises(ValueError, match=f"{indicator} is measured in {unit or 'no unit'}"):
            Objective.parse(f"{indicator} <= 3 parsecs")


@pytest.mark.parametrize(
    ("share", "value"), [(0.0, 1), (0.1, 1), (0.11, 2), (0.5, 5), (0.9, 9), (0.91, 10), (0.99, 10), (1.0, 10)]
)
def test_a_quantile_is_the_value_at_its_nearest_rank(share: float, value: float) -> None:
    assert nearest_rank(range(1, 11), share) == value
    assert nearest_rank([], share) is None


def test_a_result_of_many_seconds_is_no_power_of_ten() -> None:
    assert "measured 15000 ms, margin -14750 ms" in str(Objective.parse("p99 <= 250 ms").judge(15000.0))


def test_an_objective_on_what_nobody_measures_is_refused_with_what_there_is() -> None:
    """It would run to the end of the scenario, and be inconclusive there."""
    slo = Slo.of("fast", "latency <= 5 ms", "p99 <= 250 ms")
    with pytest.raises(ClaimError, match=r"here: SLO 'fast': .*latency ≤ 5 ms is about; there are: p50, p99$"):
        slo.check_measured(("p50", "p99"), "here")
    Slo.of("fast", "p99 <= 250 ms").check_measured(("p50", "p99"), "here")
