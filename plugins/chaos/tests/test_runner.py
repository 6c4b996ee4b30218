"""A scenario on a file, from its bench to its outcome: what is gathered when somebody wants the run to end."""

import math
import signal
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.state import StateFolder
from plugins.chaos import runner
from plugins.chaos.experiment_run import ExperimentRun
from plugins.chaos.pulse import WallPulse
from plugins.chaos.runner import JudgedRun, perform
from plugins.chaos.scenario import Recovery, Scenario, Windows
from plugins.chaos.stop import Stop, Tally
from plugins.chaos.tests.fakes import FileCloud, FileFault, scenario
from plugins.environment.lease import Held, Lease
from plugins.reporting.impact import Felt
from plugins.reporting.progress import Progress
from plugins.slo import Slo, Verdict
from plugins.telemetry.timeline import Series


@dataclass(frozen=True)
class FilePlatform(FileCloud):
    """A platform that is one file, with all that a runner asks of one."""

    state: StateFolder
    target: str = "embedded"
    metric_period_s: float = 1.0
    environment: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(name="dev", slo=SimpleNamespace(latency_scale=1.0))
    )

    def status(self) -> SimpleNamespace:
        return SimpleNamespace(platform_id="p1")


@dataclass
class NoTraffic:
    """A load of nothing; `on_result` is what its result comes from."""

    on_result: Callable[[], object]

    def start(self) -> None: ...

    def tally(self) -> Tally:
        return Tally()

    def stop(self) -> None: ...

    def result(self) -> object:
        return self.on_result()


class FastPulse(WallPulse):
    """Time that passes without waiting for it."""

    _waited_s = 0.0

    def now(self) -> float:
        return super().now() + self._waited_s

    def wait(self, seconds: float) -> Stop | None:
        self._waited_s += seconds
        return super().wait(0.0)


class SteadyWindow:
    """A stretch in which every request took 150 ms."""

    samples = 1000

    def indicators(self) -> Mapping[str, float | None]:
        return {"errors": 0.0, "p50": 150.0}

    def errors_besides(self, _statuses: Collection[int]) -> float | None:
        return 0.0


@dataclass(frozen=True)
class SteadyLoad:
    """What a generator left: windows that are all alike, and no history that can be read."""

    history: Path
    started: float = 0.0
    ended: float = 0.0

    @property
    def attempts(self) -> tuple[()]:
        raise ValueError(f"{self.history}:7: no order attempt")

    def window(self, _start: float, _end: float) -> SteadyWindow:
        return SteadyWindow()

    def felt(self, _start: float, _end: float) -> Felt:
        return Felt(failed=0, of=SteadyWindow.samples)

    def series(self) -> tuple[Series, ...]:
        return ()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    with Lease(StateFolder(tmp_path), run_id="r").hold("test") as mine:
        yield mine


class Runs:
    """`runs(on_result)`: an experiment on a file, whose load's result is what `on_result` returns."""

    def __init__(self, root: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._held = held
        self._patch = monkeypatch
        self.latency_scale = 1.0
        self.windows = Windows(baseline_s=0.01, fault_s=0.01, recovery_s=0.01)
        self.scenario: Scenario = scenario(warm_up_s=0.0)

    def __call__(self, on_result: Callable[[], object]) -> JudgedRun:
        (self._root / "platform").write_text("whole")
        self._patch.setattr(runner, "OrderTraffic", lambda *_: NoTraffic(on_result))
        where = SimpleNamespace(name="dev", slo=SimpleNamespace(latency_scale=self.latency_scale))
        platform: Any = FilePlatform(self._root / "platform", StateFolder(self._root), environment=where)
        return perform(
            ExperimentRun(
                scenario=self.scenario,
                fault=FileFault(),
                windows=self.windows,
                platform=platform,
                held=self._held,
                watchdog=None,
                progress=Progress(lambda _line: None),
                reports=self._root / "reports",
            )
        )


@pytest.fixture
def run(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> Runs:
    return Runs(tmp_path, held, monkeypatch)


@pytest.fixture
def fast(run: Runs, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """With windows of many seconds, in no time."""
    monkeypatch.setattr(runner, "WallPulse", FastPulse)
    run.windows = Windows(baseline_s=5.0, fault_s=5.0, recovery_s=5.0)
    return run


def test_a_run_that_nobody_interrupts_goes_on(run: Runs) -> None:
    outcome = run(lambda: None)
    assert outcome.verdict is Verdict.INCONCLUSIVE, "without any load nothing is known"
    assert not outcome.is_interrupted


def test_an_interrupt_while_the_experiment_is_judged_ends_the_run_too(run: Runs) -> None:
    """Everything is rolled back by then, and nobody waits for the request any more."""
    assert run(lambda: signal.raise_signal(signal.SIGINT)).is_interrupted


@pytest.mark.parametrize(("latency_scale", "rto_s"), [(1.0, math.inf), (2.0, 0.0)])
def test_where_latencies_may_be_longer_the_recovery_is_judged_by_longer_ones(
    fast: Runs, tmp_path: Path, latency_scale: float, rto_s: float
) -> None:
    fast.latency_scale = latency_scale
    fast.scenario = scenario(warm_up_s=0.0, recovery=Recovery(good=Slo.of("a good second", "p50 <= 100 ms")))
    outcome = fast(lambda: SteadyLoad(tmp_path / "history.jsonl"))
    assert {name: value for name, value, _ in outcome.record.metrics}.get("rto", math.inf) == rto_s
    assert ("rto ≤ 5 s: measured inf" in outcome.text) == (rto_s == math.inf), outcome.text


def test_a_history_that_cannot_be_read_is_a_doubt_and_no_traceback(fast: Runs, tmp_path: Path) -> None:
    again = Recovery(good=Slo.of("captured soon", "capture.max <= 1000 ms"))
    fast.scenario = scenario(warm_up_s=0.0, capture_recovery=again)
    outcome = fast(lambda: SteadyLoad(tmp_path / "history.jsonl"))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert any("captures: ValueError" in reason for reason in outcome.record.reasons), outcome.text
