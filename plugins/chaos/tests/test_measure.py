"""Which stretch of the load belongs to which phase, and when the service was back."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pytest

from plugins.books.captures import Capture, CaptureTimeline
from plugins.chaos.judgement.measure import Figures, compared, measure, recovery_time, windows, with_captures
from plugins.chaos.scenario import Recovery
from plugins.chaos.trace import Phase, Trace
from plugins.slo import Slo, Verdict
from plugins.telemetry.anomaly import Anomaly
from plugins.telemetry.timeline import Series, Span

GOOD = Slo.of("good", "errors <= 0 %")


@dataclass(frozen=True)
class FakeWindow:
    errors: float | None
    samples: int = 100

    def indicators(self) -> Mapping[str, float | None]:
        return {"errors": self.errors}

    def errors_besides(self, statuses: Collection[int]) -> float | None:
        return 0.0 if statuses else self.errors


def trace(*phases: tuple[Phase, float, float]) -> Trace:
    return Trace(spans=[Span(name=phase, start=start, end=end) for phase, start, end in phases])


WHOLE = trace(
    (Phase.PREFLIGHT, 0, 1),
    (Phase.BASELINE, 1, 11),
    (Phase.INJECT, 11, 11.5),
    (Phase.OBSERVE, 11.5, 21.5),
    (Phase.ROLLBACK, 21.5, 22),
    (Phase.RECOVERY, 22, 32),
)


def test_a_request_under_way_at_the_injection_counts_for_the_fault_and_at_the_end_for_nothing() -> None:
    found = {phase: (span.start, span.end) for phase, span in windows(WHOLE).items()}
    assert found == {Phase.BASELINE: (1, 10.5), Phase.OBSERVE: (10.5, 21.5), Phase.RECOVERY: (22, 31.5)}


@pytest.mark.parametrize(
    "phases",
    [
        [(Phase.BASELINE, 1, 3)],
        [(Phase.BASELINE, 1, 3), (Phase.INJECT, 3, 4)],
        [(Phase.BASELINE, 1, 3), (Phase.INJECT, 3, 4), (Phase.ROLLBACK, 4, 5)],
    ],
    ids=["stopped in the baseline", "ended in the injection", "undone after it"],
)
def test_phases_that_did_not_take_place_have_no_window(phases: list[tuple[Phase, float, float]]) -> None:
    assert list(windows(trace(*phases))) == [Phase.BASELINE]


def test_errors_of_an_expected_status_are_clean() -> None:
    span = Span(name="fault", start=0, end=1)
    dirty = measure(span, lambda _start, _end: FakeWindow(7.0), ())
    clean = measure(span, lambda _start, _end: FakeWindow(7.0), {503})
    assert (dirty.indicators["errors.unclean"], clean.indicators["errors.unclean"]) == (7.0, 0.0)
    assert clean.indicators["errors"] == 7.0


def bad_until(end: float) -> Callable[[float, float], FakeWindow]:
    return lambda start, _end: FakeWindow(50.0 if start < end else 0.0)


def bad_between(first: float, last: float) -> Callable[[float, float], FakeWindow]:
    return lambda start, end: FakeWindow(50.0 if start < last and end > first else 0.0)


def good_between(first: float, last: float) -> Callable[[float, float], FakeWindow]:
    return lambda start, end: FakeWindow(0.0 if start > first - 1e-6 and end < last + 1e-6 else 50.0)


@pytest.mark.parametrize(
    ("counted_from", "load", "seconds"),
    [
        ("rollback", bad_until(0), 0.0),
        ("rollback", bad_until(24.0), 2.5),
        ("inject", bad_until(14.0), 2.5),
        ("inject", bad_between(13.0, 14.0), 2.5),
        ("rollback", good_between(24.0, 27.0), 2.5),
        ("rollback", good_between(24.0, 26.9), math.inf),
        ("rollback", bad_until(29.0), 7.5),
        ("rollback", bad_until(29.1), math.inf),
        ("rollback", bad_until(99.0), math.inf),
    ],
    ids=[
        "never away",
        "after the restore",
        "by itself",
        "good only for a moment first",
        "held as long as is asked for, then bad again",
        "held for not quite so long",
        "just in time to hold",
        "too late to hold",
        "never",
    ],
)
def test_recovery_counts_to_the_first_good_second_that_lasts(
    counted_from: str, load: Callable[[float, float], FakeWindow], seconds: float
) -> None:
    recovery = Recovery(good=GOOD, hold_s=3.0, counted_from="inject" if counted_from == "inject" else "rollback")
    assert recovery_time(WHOLE, recovery, load) == pytest.approx(seconds)


def test_nobody_looks_at_seconds_after_the_end_of_the_recovery() -> None:
    """Nobody offers load there: it would look like a silent service."""
    looks: list[tuple[float, float]] = []

    def bad(start: float, end: float) -> FakeWindow:
        looks.append((start, end))
        return FakeWindow(0.0 if start < 29.0 else 50.0)

    recovery_time(WHOLE, Recovery(good=Slo.of("never", "errors >= 90 %"), hold_s=3.0), bad)
    good = Recovery(good=GOOD, hold_s=3.0)
    recovery_time(WHOLE, good, bad)
    assert max(end for _, end in looks) <= 32.0 + 1e-6
    assert {round(end - start, 6) for start, end in looks} == {1.0}


def test_a_second_without_a_request_is_not_a_good_one() -> None:
    silent = recovery_time(WHOLE, Recovery(good=GOOD), lambda _start, _end: FakeWindow(None, 0))
    assert silent == math.inf


def test_recovery_is_unknown_when_nobody_watched_it() -> None:
    unwatched = trace((Phase.OBSERVE, 1, 2), (Phase.ROLLBACK, 2, 3))
    assert recovery_time(unwatched, Recovery(good=GOOD), bad_until(0)) is None


@pytest.mark.parametrize(("captured", "known"), [(298, None), (299, 1000.0)], ids=["too few", "enough"])
def test_a_percentile_of_too_few_captures_stays_unknown(captured: int, known: float | None) -> None:
    captures = CaptureTimeline(tuple(capture(placed_at=2.0 + n / 100) for n in range(captured)))
    requests = Figures(span=Span(name="fault", start=0, end=9), indicators={"p99": 7.0}, samples=400)
    found = with_captures(requests, captures.window)
    assert found.indicators["capture.p99"] == (None if known is None else pytest.approx(known))
    assert (found.indicators["p99"], found.samples) == (7.0, 400)


def test_captures_are_back_when_orders_no_longer_wait() -> None:
    """Ten a second; those placed during the fault are captured at its end, which the queue then works off by 24."""
    ends = {at / 10: 22.0 for at in range(115, 220)} | {at / 10: 24.0 for at in range(220, 235)}
    placed = [n / 10 for n in range(10, 320)]
    captures = CaptureTimeline(tuple(capture(at, ends.get(at, at)) for at in placed))
    again = Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"), counted_from="rollback")
    assert recovery_time(WHOLE, again, captures.window) == pytest.approx(1.5, abs=0.11)


@pytest.mark.parametrize(("latency_scale", "seconds"), [(1.0, math.inf), (2.0, 0.0)])
def test_where_latencies_may_be_longer_a_good_second_has_longer_ones_too(latency_scale: float, seconds: float) -> None:
    captures = CaptureTimeline(tuple(capture(n / 10, n / 10 + 1.5) for n in range(10, 320)))
    again = Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"))
    assert recovery_time(WHOLE, again.stretched(latency_scale), captures.window) == seconds


def capture(placed_at: float, begun_at: float | None = None) -> Capture:
    """Captured at once at `begun_at`, or a second after it was placed."""
    captured_at = placed_at + 1.0 if begun_at is None else begun_at
    return Capture(order_id=f"o-{placed_at}", placed_at=placed_at, captured_at=captured_at)


def test_a_period_that_the_fault_only_touches_is_not_before_it() -> None:
    """CloudWatch stamps a period with its start: [9, 11) would else count as before a fault at 10.5."""
    spans = compared(windows(WHOLE))
    assert [(span.start, span.end) for span in spans] == [(1, 10.5), (10.5, 22), (22, 31.5)]
    points = tuple((float(at), 100.0 if 9 <= at < 23 else 1.0) for at in range(1, 31, 2))
    series = Series(name="m", unit="", points=points, period_s=2.0)
    found = Anomaly(name="m", direction="up", by=50).check(series, *spans)
    assert (found.verdict, found.text) == (Verdict.PASS, "m goes up by \u2265 50: 1 \u2192 100 \u2192 1")
