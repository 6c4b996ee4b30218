"""Sets up the bench of an experiment: journal and origin, lease, watchdog, alarms, and the phases on the terminal."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from plugins.chaos.experiment import Bench, Load
from plugins.chaos.experiment_run import ExperimentRun
from plugins.chaos.judgement.cloudwatch import alarms
from plugins.chaos.policy import asks_cluster
from plugins.chaos.pulse import Pulse
from plugins.chaos.trace import Phase
from plugins.chaos.undo.journal import Journal, Origin
from plugins.chaos.undo.reach import reach
from plugins.chaos.undo.restore import check_clear, restore


@contextmanager
def bench(run: ExperimentRun, name: str, load: Load, pulse: Pulse, journal: Journal) -> Iterator[Bench]:
    """The bench of the experiment called `name`; the last phase that it shows ends with the block."""
    with ExitStack() as shown:
        yield Bench(
            cloud=run.platform,
            load=load,
            pulse=pulse,
            journal=journal,
            origin=_origin(run, name),
            is_held=run.held.is_valid,
            clear=lambda: check_clear(restore(run.platform.state, reach)),
            arm=partial(run.watchdog.arm, with_kubernetes=asks_cluster(run.fault)) if run.watchdog else lambda: None,
            alarms=alarms(run),
            enter=_shown(run, shown),
        )


def _origin(run: ExperimentRun, name: str) -> Origin:
    return Origin(
        experiment=name,
        scenario=run.scenario.id,
        environment=run.platform.environment.name,
        target=run.platform.target,
        platform_id=run.platform.status().platform_id,
        pid=os.getpid(),
        lease_id=run.held.id,
    )


def _shown(run: ExperimentRun, shown: ExitStack) -> Callable[[Phase, float], None]:
    """Each phase ends the line of the one before."""

    def enter(phase: Phase, seconds: float) -> None:
        shown.close()
        shown.enter_context(run.progress.phase(f"{run.scenario.id}: {phase}", seconds))

    return enter
