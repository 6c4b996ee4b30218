"""What is asked of the runner: one scenario, done once to one platform."""

from dataclasses import dataclass
from pathlib import Path

from infrastructure.cloud import Platform
from plugins.chaos.fault import Fault
from plugins.chaos.scenario import Scenario, Windows
from plugins.chaos.undo.guard import Watchdog
from plugins.environment.lease import Held
from plugins.reporting.progress import Progress


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRun:
    """One experiment as it is to be done. `reports` takes its raw data; `watchdog` is None where none is needed."""

    scenario: Scenario
    fault: Fault
    windows: Windows
    platform: Platform
    held: Held
    watchdog: Watchdog | None
    progress: Progress
    reports: Path
