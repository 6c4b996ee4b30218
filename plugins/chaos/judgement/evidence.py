"""All that is known of an experiment once it is over. Pure data: gathered, then judged, then reported."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.judgement.measure import Figures
from plugins.chaos.scenario import Scenario
from plugins.chaos.trace import Phase, Trace
from plugins.reporting.impact import Felt
from plugins.slo import Verdict
from plugins.telemetry.anomaly import AnomalyResult


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksResult:
    """The reconciliation's answer: its verdict, why, and how many acknowledged orders are lost (RPO), how many were
    stored or captured twice, if it knows.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    lost: int | None
    text: str
    doubled: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of a run. `books` is None when they could not be opened.

    `rto_s` (of requests) and `stage_rtos` (of each stage that is a part of the claim, by its name) as
    `measure.recovery_time` gives them.
    """

    scenario: Scenario
    trace: Trace
    figures: Mapping[Phase, Figures]
    rto_s: float | None
    books: BooksResult | None
    anomalies: tuple[AnomalyResult, ...]
    stage_rtos: Mapping[str, float | None] = field(default_factory=dict)
    felt: Felt | None = None
    """How many requests of the whole run failed; None of a run without load."""
    latency_scale: float = 1.0
