"""A scenario on a file, from its bench to its outcome: what is gathered when somebody wants the run to end."""

import io
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.state import StateFolder
from plugins.chaos import runner
from plugins.chaos.runner import Outcome, Run, perform
from plugins.chaos.scenario import Windows
from plugins.chaos.stop import Tally
from plugins.chaos.tests.fakes import FileCloud, FileFault, scenario
from plugins.environment.lease import Held, Lease
from plugins.reporting.progress import Progress
from plugins.slo import Verdict


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
    """A load of nothing; `on_result` is what happens while its result is read."""

    on_result: Callable[[], None]

    def start(self) -> None: ...

    def tally(self) -> Tally:
        return Tally()

    def stop(self) -> None: ...

    def result(self) -> None:
        self.on_result()


@pytest.fixture
def held(tmp_path: Path) -> Iterator[Held]:
    with Lease(StateFolder(tmp_path), run_id="r").hold("test") as mine:
        yield mine


@pytest.fixture
def run(tmp_path: Path, held: Held, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], Outcome]:
    """`run(on_result)`: a short experiment on a file, without any load."""
    (tmp_path / "platform").write_text("whole")
    platform: Any = FilePlatform(tmp_path / "platform", StateFolder(tmp_path))

    def once(on_result: Callable[[], None]) -> Outcome:
        monkeypatch.setattr(runner, "OrderTraffic", lambda *_: NoTraffic(on_result))
        return perform(
            Run(
                scenario=scenario(warm_up_s=0.0),
                fault=FileFault(),
                windows=Windows(baseline_s=0.01, fault_s=0.01, recovery_s=0.01),
                platform=platform,
                held=held,
                watchdog=None,
                progress=Progress(lambda emit: emit(), io.StringIO()),
                reports=tmp_path / "reports",
            )
        )

    return once


def test_a_run_that_nobody_interrupts_goes_on(run: Callable[[Callable[[], None]], Outcome]) -> None:
    outcome = run(lambda: None)
    assert outcome.verdict is Verdict.INCONCLUSIVE, "without any load nothing is known"
    assert not outcome.is_interrupted


def test_an_interrupt_while_the_experiment_is_judged_ends_the_run_too(
    run: Callable[[Callable[[], None]], Outcome],
) -> None:
    """Everything is rolled back by then, and nobody waits for the request any more."""
    assert run(lambda: signal.raise_signal(signal.SIGINT)).is_interrupted
