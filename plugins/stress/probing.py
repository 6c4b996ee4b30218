"""Light requests at a fixed schedule, from a thread: what somebody felt while something else was going on.

The schedule does not wait for answers: time counts from the moment a request was due, so one slow answer is not one
sample but as many as there should have been (coordinated omission).
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType

from plugins.reporting.impact import Felt
from plugins.slo import nearest_rank
from plugins.telemetry import Series

INTERVAL_S = 0.15
"""Short enough for a p95 out of ten seconds: that takes 59 samples."""
INDICATORS = ("p50", "p95", "p99", "errors")
"""What probes can be judged by."""

Ask = Callable[[], bool]
"""One request, and whether it was answered well. Raises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request: when it was due (Unix seconds), and seconds from then to the answer, None where it failed.

    `late_s`: how much of that is our own, since this process was kept from sending.
    """

    at: float
    took_s: float | None
    late_s: float = 0.0


class Prober:
    """`with Prober(ask) as prober: …` asks at a fixed interval until the block ends; `prober.probes` is what came."""

    def __init__(self, ask: Ask, interval_s: float = INTERVAL_S) -> None:
        self._ask = ask
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, daemon=True, name="stress-prober")
        self.probes: list[Probe] = []

    def __enter__(self) -> "Prober":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    def _loop(self) -> None:
        unix = time.time() - time.monotonic()
        due = woke = time.monotonic()
        while True:
            due += self._interval_s
            is_idle = time.monotonic() < due
            if self._stop.wait(max(due - time.monotonic(), 0.0)):
                break
            woke = time.monotonic() if is_idle else woke
            is_good = self._ask()
            took_s = time.monotonic() - due if is_good else None
            self.probes.append(Probe(at=unix + due, took_s=took_s, late_s=max(woke - due, 0.0)))
        self.probes += self._unanswered(unix, due, woke)

    def _unanswered(self, unix: float, due: float, woke: float) -> Iterator[Probe]:
        """What was due and not asked yet, since earlier answers took so long: nobody got an answer to it."""
        ended = time.monotonic()
        while woke < due <= ended - self._interval_s:
            yield Probe(at=unix + due, took_s=None)
            due += self._interval_s


def indicators(probes: Sequence[Probe]) -> dict[str, float | None]:
    """Latency (ms) and error share (%), and how late we were to ask: slip.p50 … (ms)."""
    if not probes:
        return {}
    took = sorted(probe.took_s * 1000 for probe in probes if probe.took_s is not None)
    late = sorted(probe.late_s * 1000 for probe in probes)
    return {
        **{f"p{q}": nearest_rank(took, q / 100) for q in (50, 95, 99)},
        **{f"slip.p{q}": nearest_rank(late, q / 100) for q in (50, 95, 99)},
        "errors": 100.0 * (len(probes) - len(took)) / len(probes),
    }


def felt(what: str, probes: Sequence[Probe]) -> Felt:
    """How many of the requests, which are `what`, failed."""
    return Felt(failed=sum(probe.took_s is None for probe in probes), of=len(probes), what=what)


def series(name: str, probes: Sequence[Probe]) -> Series:
    """The answers that came, for a chart."""
    points = tuple((probe.at, probe.took_s * 1000) for probe in probes if probe.took_s is not None)
    return Series(name=name, unit="ms", points=points)
