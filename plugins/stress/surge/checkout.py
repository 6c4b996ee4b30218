"""What a surge measured: one checkout after the other, as the caller and as Lambda's REPORT line saw it. Pure data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from plugins.slo import nearest_rank
from plugins.stress.neighbours import Neighbour

Ending = Literal["ok", "throttled", "failed"]

INDICATORS = (
    *("p50", "p95", "p99", "max", "errors", "cold"),
    *("init.p50", "init.p99", "duration.p50", "duration.p99"),
)
"""What a surge can be judged by: the names that `indicators` explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkout:
    """One invocation. `took_ms` runs from the moment of its wave to the answer, whatever kept it from being sent.

    `init_ms` (None in a warm sandbox) and `duration_ms` are Lambda's own, from the REPORT line; both None where there
    is none. `detail` says why it did not end well. `late_ms` is how long after its moment we sent it.
    """

    at: float
    took_ms: float
    ending: Ending = "ok"
    init_ms: float | None = None
    duration_ms: float | None = None
    detail: str = ""
    late_ms: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wave:
    """Checkouts of the same moment, on sandboxes that were retired before (`is_cold`) or had just answered."""

    is_cold: bool
    start: float
    end: float
    checkouts: tuple[Checkout, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeEvidence:
    """Every wave of a run, in their order: each cold one is followed by a warm one; the other services meanwhile."""

    waves: tuple[Wave, ...]
    others: tuple[Neighbour, ...] = ()
    latency_scale: float = 1.0

    def checkouts(self, *, is_cold: bool) -> tuple[Checkout, ...]:
        """Of all cold, or of all warm waves: the same claim is made of each, so they are one sample."""
        return tuple(checkout for wave in self.waves if wave.is_cold is is_cold for checkout in wave.checkouts)


def indicators(checkouts: Sequence[Checkout]) -> Mapping[str, float | None]:
    """p50 p95 p99 max (ms to the answer), errors (%), cold (% that paid for an init), init.p50 init.p99 (ms, of those),
    duration.p50 duration.p99 (ms, the handler's own), and how late we were to send for each of the answers' times:
    slip.p50 … slip.max (ms). What nobody measured is None.
    """
    if not checkouts:
        return {}
    took = sorted(checkout.took_ms for checkout in checkouts)
    late = sorted(checkout.late_ms for checkout in checkouts)
    inits = sorted(checkout.init_ms for checkout in checkouts if checkout.init_ms is not None)
    durations = sorted(checkout.duration_ms for checkout in checkouts if checkout.duration_ms is not None)
    failed = sum(checkout.ending != "ok" for checkout in checkouts)
    return {
        **{f"p{q}": nearest_rank(took, q / 100) for q in (50, 95, 99)},
        "max": took[-1],
        **{f"slip.p{q}": nearest_rank(late, q / 100) for q in (50, 95, 99)},
        "slip.max": late[-1],
        "errors": 100.0 * failed / len(checkouts),
        "cold": 100.0 * len(inits) / len(durations) if durations else None,
        **{f"init.p{q}": nearest_rank(inits, q / 100) for q in (50, 99)},
        **{f"duration.p{q}": nearest_rank(durations, q / 100) for q in (50, 99)},
    }
