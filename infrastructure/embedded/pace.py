"""The time constants of the embedded cloud: short for work at the desk, or AWS's own.

Being many times faster than AWS hides time-out bugs, so `--pace aws` runs the same platform at AWS's speed.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast the embedded cloud lives. All lengths in seconds."""

    name: str
    speedup: float
    """What a duration configured on a resource (health-check interval, deregistration delay …) is divided by."""
    task_start_s: float
    """From the scheduler's decision to the start of the process: image pull and ENI attachment on Fargate."""
    metric_period_s: float
    """How often the platform reports its own metrics; CloudWatch's standard resolution is 60 s."""
    scaling_interval_s: float
    """How often target tracking evaluates its metric."""
    dynamodb_burst_s: float
    """Seconds of unused capacity a table keeps for bursts; AWS documents up to 300."""
    dynamodb_transaction_s: float
    """How long the two phases of a transaction take; AWS documents no figure, some ten milliseconds are observed."""
    function_idle_s: float
    """How long a function's sandbox is kept without an invocation; AWS documents no figure, minutes are observed."""
    resync_s: float = 5.0
    """The controllers' slow tick, for what no call announces."""

    def seconds(self, configured: float, *, at_least: float = 0.0) -> float:
        """`configured` seconds at this pace, never less than `at_least`."""
        return max(configured / self.speedup, at_least)


FAST = Pace(
    name="fast",
    speedup=50.0,
    task_start_s=0.0,
    metric_period_s=1.0,
    scaling_interval_s=1.0,
    dynamodb_burst_s=1.0,
    dynamodb_transaction_s=0.002,
    function_idle_s=30.0,
)
AWS = Pace(
    name="aws",
    speedup=1.0,
    task_start_s=25.0,
    metric_period_s=60.0,
    scaling_interval_s=60.0,
    dynamodb_burst_s=300.0,
    dynamodb_transaction_s=0.01,
    function_idle_s=600.0,
)
PACES: tuple[Pace, ...] = (FAST, AWS)


def pace(name: str) -> Pace:
    """The pace called `name`; `KeyError` names the known ones."""
    for candidate in PACES:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no pace is called {name!r}; known: {', '.join(p.name for p in PACES)}")
