"""From a trace and the load's windows to the indicators that the SLOs of each phase judge. Pure arithmetic.

time      ── baseline ──────────────┬ inject ┬── observe ──────┬ rollback ┬── recovery ────────┐
judged as ├──── baseline ─────┤├──────────── fault ────────────┤           ├── recovery ──┤
                              └ IN_FLIGHT_S                                               └ IN_FLIGHT_S
"""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from plugins.chaos.scenario import IN_FLIGHT_S, UNCLEAN, Recovery, samples_needed
from plugins.chaos.trace import Phase, Trace
from plugins.slo import Verdict
from plugins.telemetry.timeline import Span

RTO_STEP_S = 0.1
"""Resolution of the recovery time."""


class Measured(Protocol):
    """A stretch of time in numbers: of the load by `plugins.load`, of the captures by `plugins.books`."""

    @property
    def samples(self) -> int: ...
    def indicators(self) -> Mapping[str, float | None]: ...


class Window(Measured, Protocol):
    """A stretch of the load."""

    def errors_besides(self, statuses: Collection[int]) -> float | None: ...


WindowOf = Callable[[float, float], Window]
"""The load between two times in Unix seconds."""

MeasuredOf = Callable[[float, float], Measured]
"""The load, or the captures, between two times in Unix seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One phase in numbers; percentiles come from `samples` requests."""

    span: Span
    indicators: Mapping[str, float | None]
    samples: int


def windows(trace: Trace) -> Mapping[Phase, Span]:
    """The judged stretch of each phase that took place; BASELINE, OBSERVE and RECOVERY only."""
    found: dict[Phase, Span] = {}
    baseline, inject, observe = (trace.span(phase) for phase in (Phase.BASELINE, Phase.INJECT, Phase.OBSERVE))
    if baseline is not None:
        found[Phase.BASELINE] = Span(name="baseline", start=baseline.start, end=_cut(baseline))
    if baseline is not None and inject is not None and observe is not None:
        found[Phase.OBSERVE] = Span(name="fault", start=_cut(baseline), end=observe.end, is_fault=True)
    recovery = trace.span(Phase.RECOVERY)
    if recovery is not None:
        found[Phase.RECOVERY] = Span(name="recovery", start=recovery.start, end=_cut(recovery))
    return found


def compared(spans: Mapping[Phase, Span]) -> tuple[Span, Span, Span]:
    """Before, during and after, as what CloudWatch shows is compared. The way back belongs to the fault."""
    before, during, after = spans[Phase.BASELINE], spans[Phase.OBSERVE], spans[Phase.RECOVERY]
    return before, replace(during, end=after.start), after


def measure(span: Span, window_of: WindowOf, clean_statuses: Collection[int]) -> Figures:
    """The load plugin's indicators over `span`, and errors.unclean: errors (% of requests) of any other status."""
    window = window_of(span.start, span.end)
    indicators = {**window.indicators(), UNCLEAN: window.errors_besides(clean_statuses)}
    return Figures(span=span, indicators=indicators, samples=window.samples)


def with_captures(figures: Figures, captures: MeasuredOf) -> Figures:
    """The phase with the indicators of its captures. A percentile of too few of them stays unknown: inconclusive."""
    window = captures(figures.span.start, figures.span.end)
    known = {n: v if window.samples >= samples_needed(n) else None for n, v in window.indicators().items()}
    return replace(figures, indicators={**figures.indicators, **known})


def recovery_time(trace: Trace, recovery: Recovery, window_of: MeasuredOf) -> float | None:
    """Seconds until the first good second from which on it stays good for `hold_s`.

    Infinite when that did not come while somebody was watching; None when nobody watched to the end.
    """
    origin = trace.span(Phase.OBSERVE if recovery.counted_from == "inject" else Phase.ROLLBACK)
    watched = trace.span(Phase.RECOVERY)
    if origin is None or watched is None:
        return None
    seconds = math.ceil(recovery.hold_s)
    steps = math.floor((watched.end - seconds - origin.start) / RTO_STEP_S)
    for step in range(steps + 1):
        start = origin.start + step * RTO_STEP_S
        if all(_is_good(recovery, window_of(start + second, start + second + 1.0)) for second in range(seconds)):
            return step * RTO_STEP_S
    return math.inf


def _is_good(recovery: Recovery, second: Measured) -> bool:
    return recovery.good.judge(second.indicators()).verdict is Verdict.PASS


def _cut(phase: Span) -> float:
    return max(phase.start, phase.end - IN_FLIGHT_S)
