import json

from plugins.bench import FIGURES
from plugins.bench.figure import Line


def test_a_line_quotes_the_median_and_percentiles_by_nearest_rank() -> None:
    line = Line.of("latency", "ms", [float(n) for n in range(1, 201)])
    quoted = {"median": 100.5, "p95": 190.0, "p99": 198.0}
    assert json.loads(str(line)) == {"name": "latency", "unit": "ms", **quoted, "n": 200}


def test_with_few_samples_the_p99_is_the_largest() -> None:
    assert Line.of("latency", "ms", [3.0, 1.0, 2.0]).p99 == 3.0


def test_the_promised_figures_are_there_once_each() -> None:
    assert sorted(figure.name for figure in FIGURES) == [
        "books_100k_orders",
        "cold_start_p99",
        "failover_write_gap",
        "idle_platform_rss",
        "order_latency",
        "orders_acknowledged_rate",
        "orders_captured_rate",
        "payment_queue_age",
        "platform_cold_start",
        "rule_change_effect",
        "sqs_send_1000_deep",
        "stop_task_recovery",
        "warm_invoke_overhead",
    ]
