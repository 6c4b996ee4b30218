"""A load test as a suite declares it: a story, its arrivals in named stages, and the SLO of each stage."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from plugins.load.arrivals import Stage, Stages
from plugins.load.journeys import PlaceOrder, journey
from plugins.load.plan import LoadPlan
from plugins.load.result import INDICATORS
from plugins.load.retry import Retry
from plugins.slo import ClaimError, Slo

Profile = Literal["quick", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadScenario:
    """One load test. Stages are judged separately: percentiles are never pooled over stages.

    `slos` has an entry for each stage of both profiles, and each stage the arrivals that its percentiles need
    (`plugins.slo.MIN_SAMPLES`: p95 takes 59, p99 takes 299): `ClaimError` names all that lack, and what nobody
    measures. `mix` holds (journey, share).
    """

    name: str
    title: str
    story: str
    quick: Stages
    full: Stages
    slos: Mapping[str, Slo]
    mix: tuple[tuple[str, float], ...] = ((PlaceOrder.name, 1.0),)
    max_in_flight: int = 200
    timeout_s: float = 5.0
    retry: Retry | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        for name, _ in self.mix:
            journey(name)
        for slo in self.slos.values():
            slo.check_measured(INDICATORS, f"load scenario {self.name!r}")
        stages = (*self.quick.stages, *self.full.stages)
        names = {stage.name for stage in stages}
        if names != set(self.slos):
            raise ClaimError(f"load scenario {self.name!r}: stages {sorted(names)}, SLOs for {sorted(self.slos)}")
        short = [text for stage in stages if (text := lacking(stage, self.slos[stage.name]))]
        if short:
            raise ClaimError(f"load scenario {self.name!r}: {'; '.join(short)}")

    def __repr__(self) -> str:
        """The name: Allure shows a test's parameter by it, and knows by it which earlier run was the same test."""
        return self.name

    def arrivals(self, profile: Profile, *, peak_per_s: float | None = None, duration_s: float | None = None) -> Stages:
        """The profile's stages, all scaled alike to another peak rate or another length."""
        stages = self.full if profile == "full" else self.quick
        time = duration_s / stages.duration_s if duration_s is not None else 1.0
        rate = peak_per_s / stages.peak if peak_per_s is not None else 1.0
        return stages.scaled(time=time, rate=rate)

    def plan(self, arrivals: Stages) -> LoadPlan:
        """What the generator is to do."""
        return LoadPlan(
            arrivals=arrivals,
            mix=self.mix,
            max_in_flight=self.max_in_flight,
            timeout_s=self.timeout_s,
            retry=self.retry,
            seed=self.seed,
        )


def lacking(stage: Stage, slo: Slo) -> str:
    """Which percentiles the stage claims from too few arrivals; empty when none."""
    arrivals = int(stage.arrivals.count(stage.arrivals.duration_s))
    claimed = {o.indicator: 0.0 for o in slo.objectives}
    doubts = [result.doubt for result in slo.judge(claimed, samples=arrivals).results if result.value is None]
    return f"stage {stage.name!r}: {', '.join(doubts)}" if doubts else ""
