"""The state machine of an experiment. It decides by a table and acts through its bench; it judges nothing.

    PREFLIGHT ──► BASELINE ──► INJECT ──► OBSERVE ──► ROLLBACK ──► RECOVERY ──► JUDGED
        │            │           │           │         ▲   │ ▲                    ▲
        │            │           └─ any way ─┴─ out ───┘   │ └─ a second way out  │
        │            └─ stopped, broken: nothing touched ──┼────ends at once ─────┤
        └─ refused: raises                                 └─ ended early, broken ┘

Ways out are stop conditions, exceptions, Ctrl-C and the loss of the lease. PREFLIGHT plans to see that there is a
target; INJECT plans again, since a baseline may have replaced a task, and that plan is the one that counts.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from infrastructure.errors import EnvironmentFault
from plugins.chaos.fault import Cloud, Fault
from plugins.chaos.pulse import Pulse
from plugins.chaos.scenario import Scenario, Windows
from plugins.chaos.stop import Observation, Stop, Tally
from plugins.chaos.trace import Phase, Trace, Undo
from plugins.chaos.undo.journal import Journal, Origin
from plugins.telemetry.timeline import Span

TICK_S = 0.5
"""How often a phase looks at its stop conditions, the lease and the symptom."""


class Way(StrEnum):
    """How a phase ended."""

    DONE = "done"
    STOPPED = "stopped"
    BROKEN = "broken"


NEXT: dict[tuple[Phase, Way], Phase] = {
    (Phase.PREFLIGHT, Way.DONE): Phase.BASELINE,
    (Phase.BASELINE, Way.DONE): Phase.INJECT,
    (Phase.BASELINE, Way.STOPPED): Phase.JUDGED,
    (Phase.BASELINE, Way.BROKEN): Phase.JUDGED,
    (Phase.INJECT, Way.DONE): Phase.OBSERVE,
    (Phase.INJECT, Way.STOPPED): Phase.ROLLBACK,
    (Phase.INJECT, Way.BROKEN): Phase.ROLLBACK,
    (Phase.OBSERVE, Way.DONE): Phase.ROLLBACK,
    (Phase.OBSERVE, Way.STOPPED): Phase.ROLLBACK,
    (Phase.OBSERVE, Way.BROKEN): Phase.ROLLBACK,
    (Phase.ROLLBACK, Way.DONE): Phase.RECOVERY,
    (Phase.ROLLBACK, Way.STOPPED): Phase.JUDGED,
    (Phase.ROLLBACK, Way.BROKEN): Phase.JUDGED,
    (Phase.RECOVERY, Way.DONE): Phase.JUDGED,
    (Phase.RECOVERY, Way.STOPPED): Phase.JUDGED,
    (Phase.RECOVERY, Way.BROKEN): Phase.JUDGED,
}


class Load(Protocol):
    """The load of an experiment. `tally` raises when the generator has died: an unloaded system proves nothing."""

    def start(self) -> None: ...
    def tally(self) -> Tally: ...
    def stop(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Everything an experiment acts on.

    `clear` refuses what must not run here and undoes residue; `arm` starts the watchdog and returns once it watches;
    `is_held` says whether the lease is still ours; `alarms` which CloudWatch alarms are raised; `enter` shows a phase
    and its length on the terminal.
    """

    cloud: Cloud
    load: Load
    pulse: Pulse
    journal: Journal
    origin: Origin
    is_held: Callable[[], bool]
    clear: Callable[[], None]
    arm: Callable[[], None]
    alarms: Callable[[], frozenset[str]]
    enter: Callable[[Phase, float], None]


@dataclass(slots=True, kw_only=True)
class Experiment:
    """One run of a scenario. Call `run` once."""

    scenario: Scenario
    fault: Fault
    windows: Windows
    bench: Bench
    trace: Trace = field(default_factory=Trace)
    _began: float = 0.0
    _entered: float = 0.0
    _way_out: BaseException | None = None

    def run(self) -> Trace:
        """Go through the phases; returns a trace unless PREFLIGHT refuses, or somebody wants the run to end."""
        self._began = self.bench.pulse.now()
        try:
            self._through_the_phases()
        finally:
            self._end_load()
        if self._way_out is not None:
            raise self._way_out
        return self.trace

    def _through_the_phases(self) -> None:
        phase = Phase.PREFLIGHT
        while phase is not Phase.JUDGED:
            phase = NEXT[phase, self._perform(phase)]

    def _perform(self, phase: Phase) -> Way:
        acts: dict[Phase, tuple[Callable[[], Way], float]] = {
            Phase.PREFLIGHT: (self._preflight, 0.0),
            Phase.BASELINE: (self._baseline, self.windows.baseline_s),
            Phase.INJECT: (self._inject, 0.0),
            Phase.OBSERVE: (self._observe, self.windows.fault_s),
            Phase.ROLLBACK: (self._rollback, 0.0),
            Phase.RECOVERY: (self._recovery, self.windows.recovery_s),
        }
        act, seconds = acts[phase]
        self._entered = self.bench.pulse.now()
        try:
            self._show(phase, seconds)
            self._entered = self.bench.pulse.now()
            return act()
        except Exception as crash:
            if phase is Phase.PREFLIGHT:
                raise
            self.trace.crashes.append(f"{phase}: {type(crash).__name__}: {crash}")
            return Way.BROKEN
        except BaseException as way_out:
            # Ctrl-C without our handler, SystemExit, pytest's own exits: undone first, raised afterwards.
            if phase in (Phase.PREFLIGHT, Phase.ROLLBACK) or self._way_out is not None:
                raise
            self._way_out = way_out
            return self._stopped(Stop(reason=f"interrupted by {type(way_out).__name__}", is_interrupt=True))
        finally:
            span = Span(name=phase, start=self._entered, end=self.bench.pulse.now(), is_fault=phase is Phase.OBSERVE)
            self.trace.spans.append(span)

    def _show(self, phase: Phase, seconds: float) -> None:
        """A terminal that is gone must not keep anybody from undoing: ROLLBACK goes on without it."""
        try:
            self.bench.enter(phase, seconds)
        except Exception as gone:
            if phase is not Phase.ROLLBACK:
                raise
            self.trace.crashes.append(f"{phase}: {type(gone).__name__}: {gone}")

    def _end_load(self) -> None:
        try:
            self.bench.load.stop()
        except EnvironmentFault as died:
            self.trace.crashes.append(f"load: {died}")

    def _preflight(self) -> Way:
        self.bench.clear()
        self.fault.plan(self.bench.cloud, self.bench.pulse.now())
        return Way.DONE

    def _baseline(self) -> Way:
        self.bench.load.start()
        self.bench.arm()
        way = self._watch(self.scenario.warm_up_s)
        self._entered = self.bench.pulse.now()
        return way if way is not Way.DONE else self._watch(self.windows.baseline_s)

    def _inject(self) -> Way:
        bench = self.bench
        plan = self.fault.plan(bench.cloud, bench.pulse.now())
        before = self.fault.fingerprint(bench.cloud, plan)
        bench.journal.planned(bench.origin, plan, before)
        self.trace.plan, self.trace.undo = plan, Undo(before=before, error="it was not tried")
        stop = self._reason_to_stop() or bench.pulse.wait(0.0)
        if stop is not None:
            return self._stopped(stop)
        if not bench.journal.mark("injecting"):
            return self._stopped(_LEASE_LOST)
        began = bench.pulse.now()
        self.fault.inject(bench.cloud, plan)
        self.trace.injection_s = bench.pulse.now() - began
        bench.journal.note("injected")
        return Way.DONE

    def _observe(self) -> Way:
        return self._watch(self.windows.fault_s, self._look_for_symptom)

    def _look_for_symptom(self) -> None:
        trace = self.trace
        if trace.plan is not None and trace.symptom is None:
            trace.symptom = self.fault.symptom(self.bench.cloud, trace.plan)
            trace.symptom_at = self.bench.pulse.now() if trace.symptom else None

    def _rollback(self) -> Way:
        """Undo even when the lease is lost: what took it may have undone before our last call went out."""
        trace, bench = self.trace, self.bench
        if trace.plan is None or trace.undo is None:
            return Way.STOPPED
        try:
            bench.journal.note("rolling-back")
            self.fault.rollback(bench.cloud, trace.plan)
            after = self.fault.fingerprint(bench.cloud, trace.plan)
        except Exception as failed:
            trace.undo = Undo(before=trace.undo.before, error=f"{type(failed).__name__}: {failed}")
            raise
        trace.undo = Undo(before=trace.undo.before, after=after)
        bench.journal.note("rolled-back", str(trace.undo))
        if not trace.undo.is_proven:
            return Way.BROKEN  # the journal stays open: the next start tries again, and refuses to run on what is left
        bench.journal.note("closed", "undone by the run")
        return Way.DONE if trace.stop is None and not trace.crashes else Way.STOPPED

    def _recovery(self) -> Way:
        return self._watch(self.windows.recovery_s)

    def _watch(self, seconds: float, look: Callable[[], None] = lambda: None) -> Way:
        """Let the phase last, looking every tick; ends early on a reason to stop."""
        ends = self.bench.pulse.now() + seconds
        while True:
            look()
            stop = self._reason_to_stop()
            if stop is None and (left := ends - self.bench.pulse.now()) <= 0:
                return Way.DONE
            stop = stop or self.bench.pulse.wait(min(TICK_S, left))
            if stop is not None:
                return self._stopped(stop)

    def _reason_to_stop(self) -> Stop | None:
        if not self.bench.is_held():
            return _LEASE_LOST
        seen = Observation(
            elapsed_s=self.bench.pulse.now() - self._began,
            tally=self.bench.load.tally(),
            alarms=self.bench.alarms(),
        )
        return next(filter(None, (condition.check(seen) for condition in self.scenario.stops)), None)

    def _stopped(self, stop: Stop) -> Way:
        self.trace.stop = self.trace.stop or stop
        return Way.STOPPED


_LEASE_LOST = Stop(reason="the lease was taken away: another process undid, or will undo, this experiment")
