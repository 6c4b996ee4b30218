"""What a chaos scenario declares: a fault, a load, windows, and the claims that must hold in each of them."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from plugins.books.stages import STAGES, Stage, stage_of
from plugins.chaos.fault import Fault
from plugins.chaos.stop import Deadline, StopCondition
from plugins.load.journeys import PlaceOrder, journey
from plugins.load.result import INDICATORS
from plugins.load.samples import SLOTS_PER_S
from plugins.slo import MIN_SAMPLES, ClaimError, Slo
from plugins.telemetry.anomaly import Anomaly

Profile = Literal["quick", "full"]


IN_FLIGHT_S = 0.5
"""What was scheduled this shortly before the injection may be under way when it strikes: it counts for the fault. As
shortly before the load's end it may never be sent: it counts for nothing.
"""

UNCLEAN = "errors.unclean"
"""Errors in % of requests, but for those that were refused in one of the scenario's clean statuses."""

INJECTION = "injection"
"""How long the fault took to inject, in s: until a drained node was empty, say."""

_EDGES_S = 2 / SLOTS_PER_S
"""What a window may lose to the resolution of its two edges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long each phase is watched, in seconds."""

    baseline_s: float
    fault_s: float
    recovery_s: float

    @property
    def total_s(self) -> float:
        return self.baseline_s + self.fault_s + self.recovery_s

    def holding(self, period_s: float) -> "Windows":
        """These, or longer where metrics come so rarely that CloudWatch could show nothing in them.

        A whole period lies before the injection, wherever periods begin, and one after the rollback; the time that the
        last value takes to be there is half a period. A gauge is read once a period, with the fault well under way.
        """
        return Windows(
            baseline_s=max(self.baseline_s, 2 * period_s + IN_FLIGHT_S),
            fault_s=max(self.fault_s, 1.5 * period_s),
            recovery_s=max(self.recovery_s, 2.5 * period_s),
        )


QUICK = Windows(baseline_s=5.0, fault_s=10.0, recovery_s=10.0)
FULL = Windows(baseline_s=180.0, fault_s=180.0, recovery_s=180.0)
"""Long enough for CloudWatch on AWS, which has one value a minute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A CloudWatch metric of the platform.

    `dimensions` are (name, value), with stack outputs in braces: `("TableName", "{OrdersTableName}")`. What ends every
    resource's name is `{EnvironmentName}`, as in the templates.
    """

    namespace: str
    metric: str
    stat: Literal["Sum", "Average", "Minimum", "Maximum", "SampleCount"]
    dimensions: tuple[tuple[str, str], ...]


def samples_needed(indicator: str) -> int:
    """How many requests, or orders of a stage, it takes to claim `indicator`; 0 for what is no percentile."""
    stage = stage_of(indicator)
    return MIN_SAMPLES.get(indicator.removeprefix(f"{stage.name}.") if stage else indicator, 0)


def resolved(value: str, output: Callable[[str], str]) -> str:
    """A dimension's value with its stack outputs filled in."""
    return re.sub(r"\{(\w+)\}", lambda found: output(found[1]), value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An anomaly that CloudWatch must show."""

    anomaly: Anomaly
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class PerRequest:
    """An indicator of the fault's SLO called `name`: the sum of a metric during the fault, per request offered.

    Throttles per order, say: how many times a refusal was tried again shows here, and nowhere in the latencies.
    """

    name: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What "works again" means: every second `good` holds, for `hold_s` seconds in a row.

    `counted_from` "inject" for what heals by itself, "rollback" for what was broken until it was taken back.
    """

    good: Slo
    hold_s: float = 3.0
    counted_from: Literal["inject", "rollback"] = "rollback"

    def __post_init__(self) -> None:
        """`ClaimError` for a recovery that has come already, or never can, whatever is measured."""
        if not 0.0 < self.hold_s < math.inf:
            raise ClaimError(f"hold_s of a recovery is {self.hold_s:g}; it must be above 0 s, and finite")
        if not self.good.objectives:
            raise ClaimError(f"recovery {self.good.name!r} has no objective; say what a good second is")

    def stretched(self, latency_scale: float) -> "Recovery":
        """As `Slo.stretched`: a second that is good by the phase's own SLO is no bad one for the recovery."""
        return replace(self, good=self.good.stretched(latency_scale))


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One experiment of the catalogue.

    `hypothesis` is the steady state in words. `rate` is the offered load in requests/s, of `mix` (journey, share):
    percentiles need samples (`plugins.slo.MIN_SAMPLES`), so rate x window must reach them. `clean_statuses` are the
    HTTP statuses a failing request may have during the fault; the indicator errors.unclean (%) counts the others.
    `baseline`, `during`, `recovered` are judged each on its own window, by the indicators of the load; `during` may
    also use injection (s) and the names in `per_request`, `recovered` rto (s) and rpo (orders).
    `capture_recovery` says when payments are captured again; with it, captures are measured as well, each order in the
    window it was placed in: capture.p50, p95, p99, max (ms from placed to captured), capture.rate (captures/s), and in
    `recovered` capture.rto (s). `revenue_recovery` is the same of a sale's way into the warehouse: revenue.p50 and so
    on, from paid to loaded.
    """

    id: str
    title: str
    hypothesis: str
    fault: Fault
    rate: float
    mix: tuple[tuple[str, float], ...] = ((PlaceOrder.name, 1.0),)
    baseline: Slo
    during: Slo
    recovered: Slo
    recovery: Recovery
    capture_recovery: Recovery | None = None
    revenue_recovery: Recovery | None = None
    clean_statuses: frozenset[int] = frozenset()
    per_request: tuple[PerRequest, ...] = ()
    anomalies: tuple[Expected, ...] = ()
    stops: tuple[StopCondition, ...] = (Deadline(seconds=1200.0),)
    warm_up_s: float = 1.0
    """Load before the baseline counts: connections open, caches fill, functions start, the generator finds its rate."""
    quick: Windows = field(default=QUICK)
    full: Windows = field(default=FULL)

    def __post_init__(self) -> None:
        """`ClaimError` for what could never be judged: a percentile that the load cannot prove, what nobody measures, a
        journey that does not exist.
        """
        for name, _ in self.mix:
            journey(name)
        self._check_indicators()
        for windows in (self.quick, self.full):
            self._check(self.baseline, windows.baseline_s - IN_FLIGHT_S - _EDGES_S)
            self._check(self.during, windows.fault_s + IN_FLIGHT_S - _EDGES_S)
            self._check(self.recovered, windows.recovery_s - IN_FLIGHT_S - _EDGES_S)

    def _check_indicators(self) -> None:
        claimed = tuple(one for slo in (self.baseline, self.during, self.recovered) for one in slo.objectives)
        for stage in STAGES:
            unmeasured = [str(one) for one in claimed if stage_of(one.indicator) is stage]
            if unmeasured and stage not in self.stages:
                raise ClaimError(
                    f"{self.id}: {', '.join(unmeasured)} needs a {stage.name}_recovery: without it none are measured"
                )
        always = (*INDICATORS, UNCLEAN, *(name for stage in self.stages for name in stage.indicators))
        self.baseline.check_measured(always, self.id)
        self.during.check_measured((*always, INJECTION, *(one.name for one in self.per_request)), self.id)
        again = ("rto", "rpo", *(f"{stage.name}.rto" for stage in self.stages))
        self.recovered.check_measured((*always, *again), self.id)
        self.recovery.good.check_measured(INDICATORS, self.id)
        for stage, recovery in self.stages.items():
            recovery.good.check_measured(stage.indicators, self.id)

    def _check(self, slo: Slo, seconds: float) -> None:
        """`slo` must be provable in a window that is judged for `seconds` at least."""
        for objective in slo.objectives:
            indicator = objective.indicator
            needed, there = samples_needed(indicator), self._per_s(indicator) * seconds
            if there < needed:
                raise ClaimError(f"{self.id}: {objective} needs {needed} requests, {seconds:g} s bring {there:g}")

    def _per_s(self, indicator: str) -> float:
        """How many samples of `indicator` a second brings: only orders go on to the stages after."""
        orders = sum(share for journey, share in self.mix if journey == PlaceOrder.name)
        return self.rate * (orders / sum(share for _, share in self.mix) if stage_of(indicator) else 1.0)

    def __repr__(self) -> str:
        """The id: Allure shows a test's parameter by it, and knows by it which earlier run was the same test."""
        return self.id

    @property
    def stages(self) -> Mapping[Stage, Recovery]:
        """The recoveries of the stages that are measured, in the stages' order."""
        known = {"capture": self.capture_recovery, "revenue": self.revenue_recovery}
        return {stage: recovery for stage in STAGES if (recovery := known.get(stage.name)) is not None}

    def windows(self, profile: Profile, period_s: float) -> Windows:
        """The profile's, as long at least as CloudWatch takes to show what it has to: once in `period_s` it is told."""
        found = self.full if profile == "full" else self.quick
        return found.holding(period_s) if self.anomalies else found
