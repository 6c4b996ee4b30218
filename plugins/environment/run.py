"""What the plugin knows of the run that it is part of. Knows no pytest."""

from dataclasses import dataclass, field

from infrastructure.errors import CafeError
from plugins.environment import sharing
from plugins.environment.outcome import Tally
from plugins.environment.plans import Plans
from plugins.environment.settings import Settings


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of pytest, or one worker's part of it."""

    settings: Settings
    run_id: str
    found: str
    """URL of the platform that was up when the run began; empty when none was."""
    owner: sharing.Owner
    plans: Plans = field(default_factory=Plans)
    tally: Tally = field(default_factory=Tally)
    doubts: list[tuple[str, str]] = field(default_factory=list)
    """Inconclusive tests and why."""
    known: tuple[str, ...] = ()
    """Scenarios of the suites asked for, when `-k` selected none of them."""
    is_refused: bool = False
    """A file of the suites could not be collected, since what it claims cannot be judged."""
    fault: CafeError | None = None
    """What ended the run outside any test."""
    broken: list[Exception] = field(default_factory=list)
    """What fixtures could not provide, and why; and a cloud that answers no more."""
