"""A named set of objectives, composable with `&`, and the verdict over all of them."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from plugins.slo.errors import ClaimError
from plugins.slo.objective import Objective, Result
from plugins.slo.verdict import Verdict

MIN_SAMPLES = {"p50": 10, "p90": 29, "p95": 59, "p99": 299, "p999": 2995}
"""Fewest samples from which a percentile may be claimed with 95 % confidence (the largest of n clean tries bounds the
p-quantile with probability 1 - p^n); below it the objective is inconclusive, whatever the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SloReport:
    """Every objective of one SLO with its value and margin, good and bad alike."""

    name: str
    results: tuple[Result, ...]

    @property
    def verdict(self) -> Verdict:
        return Verdict.all_of(result.verdict for result in self.results)

    @property
    def missed(self) -> tuple[Result, ...]:
        """The objectives that did not pass."""
        return tuple(result for result in self.results if result.verdict is not Verdict.PASS)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Each objective that did not pass, with the name of its SLO."""
        return tuple(f"{self.name}: {result}" for result in self.missed)

    def __str__(self) -> str:
        return "\n".join((f"{self.name}: {self.verdict.upper()}", *(f"  {result}" for result in self.results)))


@dataclass(frozen=True, slots=True)
class Slo:
    """`Slo.of("checkout", "p99 <= 250 ms", "errors <= 0.1 %")`."""

    name: str
    objectives: tuple[Objective, ...]

    @classmethod
    def of(cls, name: str, *objectives: str) -> "Slo":
        """Read every objective; `ClaimError` lists all that cannot be read, not only the first."""
        parsed, problems = [], []
        for text in objectives:
            try:
                parsed.append(Objective.parse(text))
            except ClaimError as problem:
                problems.append(str(problem))
        if problems:
            raise ClaimError(f"SLO {name!r}: " + "; ".join(problems))
        return cls(name, tuple(parsed))

    def __and__(self, other: "Slo") -> "Slo":
        return Slo(f"{self.name} & {other.name}", self.objectives + other.objectives)

    def stretched(self, latency_scale: float) -> "Slo":
        """Every bound in ms multiplied: an environment that its file calls slower is promised less, of latency only."""
        return Slo(self.name, tuple(each.stretched(latency_scale) for each in self.objectives))

    def check_measured(self, measured: Collection[str], where: str) -> None:
        """`ClaimError` for objectives on what nothing measures `where`: they would stay inconclusive for ever."""
        strange = [str(objective) for objective in self.objectives if objective.indicator not in measured]
        if strange:
            raise ClaimError(
                f"{where}: SLO {self.name!r}: nothing measures what {', '.join(strange)} is about; there are:"
                f" {', '.join(measured)}"
            )

    def judge(self, indicators: Mapping[str, float | None], *, samples: int | None = None) -> SloReport:
        """Judge each objective on the indicator of its name.

        `samples` is how many requests the percentiles come from; too few leave a percentile inconclusive. So does an
        upper bound missed by no more than the indicator `slip.` of the same name: how late whoever measured was.
        """
        results = tuple(
            _too_few(objective, samples)
            if samples is not None and samples < MIN_SAMPLES.get(objective.indicator, 0)
            else _judged(objective, indicators)
            for objective in self.objectives
        )
        return SloReport(name=self.name, results=results)


def _judged(objective: Objective, indicators: Mapping[str, float | None]) -> Result:
    result = objective.judge(indicators.get(objective.indicator))
    slip = indicators.get(f"slip.{objective.indicator}") or 0.0
    if result.verdict is not Verdict.FAIL or objective.operator != "<=" or slip + (result.margin or 0.0) < 0:
        return result
    unit = objective.unit
    doubt = f"measured {result.value:.4g} {unit}, but the generator itself was {slip:.4g} {unit} late: give it more CPU"
    return replace(objective.judge(None), doubt=doubt)


def _too_few(objective: Objective, samples: int) -> Result:
    name = objective.indicator
    return replace(objective.judge(None), doubt=f"{name} needs {MIN_SAMPLES[name]} samples, there are {samples}")
