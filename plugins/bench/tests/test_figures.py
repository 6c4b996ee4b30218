import json
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar

import pytest

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench import FIGURES
from plugins.bench.__main__ import measure_all
from plugins.bench.cold_start import cafe
from plugins.bench.figure import Line
from plugins.bench.idle import cpu_between
from plugins.bench.offered import all_answered, p99_ms, rate
from plugins.load.histogram import Histogram, bucket_of
from plugins.load.result import Window


def test_a_line_quotes_the_median_and_percentiles_by_nearest_rank() -> None:
    line = Line.of("latency", "ms", [float(n) for n in range(1, 201)])
    quoted = {"median": 100.5, "p95": 190.0, "p99": 198.0}
    assert json.loads(str(line)) == {"name": "latency", "unit": "ms", **quoted, "n": 200}


def test_with_few_samples_the_p99_is_the_largest() -> None:
    assert Line.of("latency", "ms", [3.0, 1.0, 2.0]).p99 == 3.0


@pytest.mark.parametrize("values", [[], [1.0, math.inf], [math.nan]], ids=["none", "infinite", "no number"])
def test_values_that_make_no_figure_are_reported_and_not_quoted(values: list[float]) -> None:
    with pytest.raises(EnvironmentFault, match="there is no figure in the"):
        Line.of("latency", "ms", values)


def window(*, due: int = 10, good: int = 10, dropped: int = 0, errors: dict[str, int] | None = None) -> Window:
    """Good answers in 50 ms, bad ones in one."""
    bad = sum((errors or {}).values())
    return Window(
        start=0,
        end=1,
        due=due,
        dropped=dropped,
        retries=0,
        errors=errors or {},
        good=Histogram(counts={bucket_of(50_000): good} if good else {}, sum_us=50_000 * good, max_us=50_000),
        bad=Histogram(counts={bucket_of(1_000): bad} if bad else {}, sum_us=1_000 * bad, max_us=1_000),
        slip=Histogram(),
    )


def test_a_latency_is_that_of_requests_that_went_well() -> None:
    assert p99_ms(window()) == 50.0


def test_a_rate_is_that_of_good_answers() -> None:
    assert rate(replace(window(good=7), end=2)) == 3.5


@pytest.mark.parametrize(
    ("load", "error"),
    [
        (window(good=7, errors={"http 503": 3}), "of 10 requests offered 3 x http 503"),
        (window(good=8, dropped=2), "of 10 requests offered 2 x dropped"),
        (window(good=9), "of 10 requests offered 1 x unanswered"),
        (window(due=0, good=0), "of 0 requests offered none"),
    ],
    ids=["errors", "dropped", "unanswered", "nothing"],
)
def test_a_run_in_which_something_failed_has_no_figure(load: Window, error: str) -> None:
    for read in (all_answered, p99_ms):
        with pytest.raises(EnvironmentFault, match=error):
            read(load)


def test_a_platform_that_does_not_come_up_reports_why() -> None:
    with pytest.raises(EnvironmentFault, match=r"(?s)cafe sideways failed \(exit code [0-9]+\): .*No such command"):
        cafe("sideways")


class Made:
    """A figure that comes, or fails half-way."""

    needs_platform: ClassVar[bool] = False
    name: ClassVar[str] = "made"
    unit: ClassVar[str] = "s"

    def __init__(self, *, fails: bool) -> None:
        self._fails = fails

    def samples(self, _platform: Platform | None, repeats: int) -> Iterator[float]:
        yield from [1.0] * repeats
        if self._fails:
            raise EnvironmentFault("3 orders were lost")


def test_a_figure_that_fails_is_reported_not_quoted_and_stops_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert not measure_all([Made(fails=True), Made(fails=False)], repeats=2)
    printed = capsys.readouterr()
    assert [json.loads(line)["n"] for line in printed.out.splitlines()] == [2]
    assert "bench: made: 3 orders were lost" in printed.err


def test_the_promised_figures_are_there_once_each() -> None:
    assert sorted(figure.name for figure in FIGURES) == [
        "batch_against_java",
        "batch_memory",
        "batch_rate",
        "books_100k_orders",
        "cold_start_p99",
        "document_failover",
        "failover_write_gap",
        "idle_platform_cpu",
        "idle_platform_rss",
        "instance_recovery",
        "inventory_reserve_p99",
        "inventory_reserves",
        "kinesis_put_1000_per_s",
        "menu_cached_reads",
        "mixed_calls_p99",
        "mixed_calls_rate",
        "node_drain",
        "order_latency",
        "orders_acknowledged_rate",
        "orders_captured_rate",
        "payment_queue_age",
        "platform_cold_start",
        "pod_recovery",
        "pods_1000_event_p99",
        "pods_1000_list_p99",
        "pods_1000_memory",
        "report_queue_p99",
        "report_run_p99",
        "report_storm_rate",
        "revenue_lag_p99",
        "revenue_rows_wrong_after_20_kills",
        "rolling_restart_failures",
        "rolling_restart_failures_without_hook",
        "rule_change_effect",
        "service_restart_failures",
        "signature_check",
        "sqs_send_1000_deep",
        "stop_task_recovery",
        "warm_invoke_overhead",
    ]


def test_the_cpu_of_an_idle_platform_counts_what_began_meanwhile_and_nothing_twice() -> None:
    assert cpu_between({1: 10.0, 2: 1.0}, {1: 10.5, 2: 1.0, 3: 0.25}) == 0.75


def test_a_platform_whose_processes_end_is_not_idle() -> None:
    with pytest.raises(EnvironmentFault, match="1 of its processes"):
        cpu_between({1: 10.0, 2: 1.0}, {1: 10.5})
