"""Captures over time: windows by when orders were placed, rates by when they were captured."""

from pathlib import Path
from typing import Any

import pytest

from plugins.books.captures import Capture, CaptureTimeline, read_captures
from plugins.books.tests.platform import moto_platform


def capture(number: int, placed_at: float, latency_s: float) -> Capture:
    return Capture(order_id=f"order-{number}", placed_at=placed_at, captured_at=placed_at + latency_s)


STEADY = CaptureTimeline(tuple(capture(n, 100 + n / 10, 0.25) for n in range(100)))
"""Ten a second from 100 to 110, each captured a quarter of a second later."""


def test_a_window_holds_the_orders_placed_in_it_whenever_they_were_captured() -> None:
    late = CaptureTimeline((*STEADY.captures, capture(100, 104.95, 30.0)))
    window = late.window(104, 105)
    assert window.samples == 11
    assert window.indicators()["capture.max"] == pytest.approx(30_000)
    assert window.indicators()["capture.p50"] == pytest.approx(250)
    assert late.window(105, 106).indicators()["capture.max"] == pytest.approx(250)


def test_the_rate_counts_what_was_captured_in_the_window_whenever_it_was_placed() -> None:
    drained = CaptureTimeline(tuple(capture(n, 100 + n / 10, 15 - n / 10) for n in range(50)))
    assert drained.window(100, 105).indicators()["capture.rate"] == 0
    assert drained.window(114.5, 115.5).indicators()["capture.rate"] == 50


def test_where_nothing_was_placed_nothing_is_known_of_latency() -> None:
    assert STEADY.window(200, 210).indicators() == {
        "capture.p50": None, "capture.p95": None, "capture.p99": None, "capture.max": None, "capture.rate": 0
    }  # fmt: skip


@pytest.mark.parametrize(("count", "p99"), [(100, 99), (299, 297), (1, 1)], ids=["a hundred", "299", "one"])
def test_the_p99_is_the_nearest_rank(count: int, p99: int) -> None:
    timeline = CaptureTimeline(tuple(capture(n, 0, n + 1) for n in range(count)))
    assert timeline.window(0, 1).indicators()["capture.p99"] == p99 * 1000


def test_a_second_without_a_capture_is_a_zero_and_one_without_an_order_is_a_gap() -> None:
    rate, latency = CaptureTimeline((capture(1, 10.5, 0.1), capture(2, 13.5, 0.2))).series()
    assert rate.points == ((10, 1), (11, 0), (12, 0), (13, 1))
    assert [at for at, _ in latency.points] == [10, 13]
    assert latency.values == pytest.approx((100, 200))
    assert [one.points for one in CaptureTimeline(()).series()] == [(), ()]


def test_only_captured_payments_are_captures_and_they_come_in_order(tmp_path: Path) -> None:
    with moto_platform(tmp_path) as platform:
        _put(platform.client("dynamodb"), "o-2", "captured", 2.5)
        _put(platform.client("dynamodb"), "o-1", "captured", 1.25)
        _put(platform.client("dynamodb"), "o-3", "declined", None)
        _put(platform.client("dynamodb"), "o-4", "pending", None)
        assert read_captures(platform) == (
            Capture(order_id="o-1", placed_at=1, captured_at=1.25),
            Capture(order_id="o-2", placed_at=1, captured_at=2.5),
        )


def _put(dynamodb: Any, order_id: str, status: str, captured_at: float | None) -> None:
    item: dict[str, Any] = {"order_id": {"S": order_id}, "status": {"S": status}, "placed_at": {"N": "1"}}
    if captured_at is not None:
        item["captured_at"] = {"N": str(captured_at)}
    dynamodb.put_item(TableName="payments-test", Item=item)
