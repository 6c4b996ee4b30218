"""What a chaos scenario declares: a fault, a load, windows, and the claims that must hold in each of them."""

from dataclasses import dataclass, field
from typing import Literal

from plugins.chaos.fault import Fault
from plugins.chaos.stop import Deadline, StopCondition
from plugins.slo import Slo
from plugins.telemetry.anomaly import Anomaly

Profile = Literal["quick", "full"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long each phase is watched, in seconds."""

    baseline_s: float
    fault_s: float
    recovery_s: float

    @property
    def total_s(self) -> float:
        return self.baseline_s + self.fault_s + self.recovery_s


QUICK = Windows(baseline_s=10.0, fault_s=10.0, recovery_s=10.0)
FULL = Windows(baseline_s=60.0, fault_s=180.0, recovery_s=180.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """An anomaly that CloudWatch must show; `dimensions` are (name, the stack output that holds the value)."""

    anomaly: Anomaly
    namespace: str
    metric: str
    stat: Literal["Sum", "Average", "Minimum", "Maximum", "SampleCount"]
    dimensions: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What "works again" means: every second `good` holds, for `hold_s` seconds in a row.

    `counted_from` "inject" for what heals by itself, "rollback" for what was broken until it was taken back.
    """

    good: Slo
    hold_s: float = 3.0
    counted_from: Literal["inject", "rollback"] = "rollback"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One experiment of the catalogue.

    `hypothesis` is the steady state in words. `rate` is the offered load in orders/s: percentiles need samples
    (`plugins.slo.MIN_SAMPLES`), so rate x window must reach them. `clean_statuses` are the HTTP statuses a failing
    request may have during the fault; the indicator `errors.unclean` (%) counts the others. `baseline`, `during`,
    `recovered` are judged each on its own window; `during` may also use errors.p99 (ms), `recovered` rto (s) and rpo.
    """

    id: str
    title: str
    hypothesis: str
    fault: Fault
    rate: float
    baseline: Slo
    during: Slo
    recovered: Slo
    recovery: Recovery
    clean_statuses: frozenset[int] = frozenset()
    anomalies: tuple[Expected, ...] = ()
    stops: tuple[StopCondition, ...] = (Deadline(seconds=600.0),)
    quick: Windows = field(default=QUICK)
    full: Windows = field(default=FULL)

    def windows(self, profile: Profile) -> Windows:
        return self.full if profile == "full" else self.quick
