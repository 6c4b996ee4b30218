"""When an experiment ends early, through ROLLBACK: pure conditions over what is known while it runs."""

from dataclasses import dataclass
from typing import Protocol

from plugins.slo import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Requests finished and failed since the load began; the live view, coarser than the judged one."""

    requests: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the conditions look at: seconds since the experiment began, the load's tally, the alarms that are raised."""

    elapsed_s: float
    tally: Tally
    alarms: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why it ended early, and what that says of the system: FAIL, or INCONCLUSIVE where it says nothing.

    `is_interrupt`: somebody wants the whole run to end, not only this experiment.
    """

    reason: str
    verdict: Verdict = Verdict.INCONCLUSIVE
    is_interrupt: bool = False


class StopCondition(Protocol):
    """Decides from one observation whether the experiment must end; its text says when."""

    def __str__(self) -> str: ...
    def check(self, seen: Observation) -> Stop | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The experiment as a whole may take `seconds`; a stuck platform must not hold the lease for ever."""

    seconds: float

    def __str__(self) -> str:
        return f"it has run {self.seconds:g} s"

    def check(self, seen: Observation) -> Stop | None:
        if seen.elapsed_s <= self.seconds:
            return None
        return Stop(reason=f"time: it has run {seen.elapsed_s:.0f} s, allowed are {self.seconds:g} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorBudget:
    """At most `percent` of all requests may fail, looked at once `at_least` have finished."""

    percent: float
    at_least: int = 100

    def __str__(self) -> str:
        return f"more than {self.percent:g} % of at least {self.at_least} requests failed"

    def check(self, seen: Observation) -> Stop | None:
        if seen.tally.requests < self.at_least:
            return None
        failed = 100.0 * seen.tally.errors / seen.tally.requests
        if failed <= self.percent:
            return None
        counts = f"{seen.tally.errors} of {seen.tally.requests} requests failed"
        return Stop(
            reason=f"the error budget is spent: {counts} ({failed:.1f} %, allowed {self.percent:g} %)",
            verdict=Verdict.FAIL,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRaised:
    """A CloudWatch alarm that must stay quiet, by its name."""

    alarm: str

    def __str__(self) -> str:
        return f"alarm {self.alarm} goes off"

    def check(self, seen: Observation) -> Stop | None:
        if self.alarm not in seen.alarms:
            return None
        return Stop(reason=f"alarm {self.alarm} went off", verdict=Verdict.FAIL)
