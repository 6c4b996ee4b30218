"""A load run as it is judged: windows over time, each with its own percentiles, never pooled over phases."""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from plugins.books.history import Attempt, read_history
from plugins.load.errors import LoadError
from plugins.load.histogram import Histogram
from plugins.load.samples import SLOTS_PER_S, Sample, first_slot, merged, read_samples
from plugins.reporting.impact import Felt
from plugins.telemetry.timeline import Series

INDICATORS = (
    *("p50", "p90", "p95", "p99", "p999", "max", "mean"),
    *("errors", "errors.p99", "throughput", "goodput", "offered", "dropped", "slip"),
)
"""What a load can be judged by: the names that `Window.indicators` explains."""

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What was scheduled in `start` <= t < `end` (Unix seconds), whenever it was answered.

    `due` arrivals were scheduled; `dropped` of them never started; `samples` were answered or given up on, some `good`,
    the others `bad` with their `errors` by kind: "http 503", "timeout", "connection refused", "connection lost", "wrong
    answer". The rest (`unanswered`) was still running when the generator was stopped, or killed.
    """

    start: float
    end: float
    due: int
    dropped: int
    retries: int
    errors: Mapping[str, int]
    good: Histogram
    bad: Histogram
    slip: Histogram

    @property
    def samples(self) -> int:
        return self.good.total + self.bad.total

    @property
    def latency(self) -> Histogram:
        """Good and bad answers alike: what gives up counts with the time it took to give up."""
        return Histogram.merged((self.good, self.bad))

    @property
    def unanswered(self) -> int:
        return self.due - self.dropped - self.samples

    def errors_besides(self, statuses: Collection[int]) -> float | None:
        """Errors in % of samples that are not one of these HTTP statuses: what is left after the clean refusals."""
        clean = {f"http {status}" for status in statuses}
        others = sum(count for kind, count in self.errors.items() if kind not in clean)
        return 100 * others / self.samples if self.samples else None

    def indicators(self) -> Mapping[str, float | None]:
        """p50 p90 p95 p99 p999 max mean (ms from the scheduled start, good and bad answers alike), errors (% of
        samples), errors.p99 (ms, bad answers only), throughput (answers/s), goodput (good/s), offered (arrivals/s),
        dropped (% of arrivals), slip (p99, ms), and how late the generator was for each of the latencies: slip.p50 ...

        Where nothing was scheduled or answered there is nothing to say: None, never 0.
        """
        length = self.end - self.start
        latency = self.latency
        is_running = self.due > 0 and length > 0
        return {
            **_latencies(latency),
            "errors": self.errors_besides(()),
            "errors.p99": _ms(self.bad.percentile(0.99)),
            "throughput": self.samples / length if is_running else None,
            "goodput": self.good.total / length if is_running else None,
            "offered": self.due / length if is_running else None,
            "dropped": 100 * self.dropped / self.due if self.due else None,
            "slip": _ms(self.slip.percentile(0.99)),
            "slip.errors.p99": _ms(self.slip.percentile(0.99)),
            **{f"slip.{name}": value for name, value in _latencies(self.slip).items()},
        }


@dataclass(frozen=True)
class LoadResult:
    """Everything a generator left in `folder`, read once."""

    folder: Path
    samples: tuple[Sample, ...]

    @classmethod
    def read(cls, folder: Path) -> "LoadResult":
        """Read the files of a run, finished or not. `LoadError` when there is none."""
        path = folder / "samples.jsonl"
        if not path.is_file():
            raise LoadError(f"no load generator has written to {folder}: {path.name} is missing")
        return cls(folder=folder, samples=read_samples(path))

    @property
    def history(self) -> Path:
        """The file of every order attempted: acknowledged, refused or unknown (`plugins.books.history`)."""
        return self.folder / "history.jsonl"

    @cached_property
    def attempts(self) -> tuple[Attempt, ...]:
        return read_history(self.history)

    @cached_property
    def started(self) -> float:
        """Unix time of the first slot with an arrival; 0 when nothing arrived."""
        return min((s.slot for s in self.samples), default=0) / SLOTS_PER_S

    @cached_property
    def ended(self) -> float:
        """Unix time of the end of the last slot with an arrival."""
        return (max((s.slot for s in self.samples), default=-1) + 1) / SLOTS_PER_S

    @cached_property
    def _by_slot(self) -> tuple[tuple[int, ...], tuple[Sample, ...]]:
        """The samples in the order of their slots, and the slots alone to search in."""
        ordered = tuple(sorted(self.samples, key=lambda sample: sample.slot))
        return tuple(sample.slot for sample in ordered), ordered

    def window(self, start: float, end: float, *, journey: str | None = None) -> Window:
        """The arrivals of [`start`, `end`), of all journeys or of one. Edges are sharp to a tenth of a second."""
        slots, samples = self._by_slot
        first, last = bisect_left(slots, first_slot(start)), bisect_left(slots, first_slot(end))
        return _window(start, end, (s for s in samples[first:last] if journey in (None, s.journey)))

    def felt(self, start: float, end: float) -> Felt:
        """How many of the requests of [`start`, `end`) failed, and from when to when."""
        window = self.window(start, end)
        slots, samples = self._by_slot
        first, last = bisect_left(slots, first_slot(start)), bisect_left(slots, first_slot(end))
        bad = [sample.slot for sample in samples[first:last] if sample.bad.total]
        over_s = (bad[-1] + 1 - bad[0]) / SLOTS_PER_S if bad else None
        return Felt(failed=window.bad.total, of=window.samples, over_s=over_s)

    def whole(self) -> Window:
        """The whole run as one window: for totals, not for percentiles of a run with phases."""
        return self.window(self.started, self.ended)

    def series(self) -> tuple[Series, ...]:
        """Per second: p50, p99 (ms), errors (%), throughput, goodput, offered and dropped (/s). A second without an
        answer has no latency point: a gap in the chart is a gap in the data.
        """
        by_second: dict[int, list[Sample]] = {}
        for sample in self.samples:
            by_second.setdefault(sample.slot // SLOTS_PER_S, []).append(sample)
        windows = [_window(second, second + 1.0, by_second[second]) for second in sorted(by_second)]
        units = {"p50": "ms", "p99": "ms", "errors": "%", "throughput": "/s", "goodput": "/s", "offered": "/s"}
        found = tuple(_series(name, unit, windows) for name, unit in units.items())
        dropped = tuple((w.start, float(w.dropped)) for w in windows)
        return (*found, Series(name="dropped", unit="/s", points=dropped, period_s=1.0))


def _window(start: float, end: float, samples: Iterable[Sample]) -> Window:
    total = merged(samples)
    return Window(
        start=start,
        end=end,
        due=total.due,
        dropped=total.dropped,
        retries=total.retries,
        errors=total.errors,
        good=total.good,
        bad=total.bad,
        slip=total.slip,
    )


def _series(name: str, unit: str, windows: Iterable[Window]) -> Series:
    points = ((window.start, window.indicators()[name]) for window in windows)
    known = tuple((at, value) for at, value in points if value is not None)
    return Series(name=name, unit=unit, points=known, period_s=1.0)


def _latencies(histogram: Histogram) -> dict[str, float | None]:
    percentiles = {name: _ms(histogram.percentile(quantile)) for name, quantile in _QUANTILES.items()}
    return {**percentiles, "max": _ms(histogram.max_us) if histogram.total else None, "mean": _ms(histogram.mean_us)}


def _ms(microseconds: float | None) -> float | None:
    return None if microseconds is None else microseconds / 1000
