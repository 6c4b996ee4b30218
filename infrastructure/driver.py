"""What a target has to be able to do; `embedded/target.py` and `aws/target.py` are the two there are."""

from collections.abc import Callable, Mapping
from typing import Protocol

from infrastructure.connection import Connection
from infrastructure.status import PlatformStatus


class Driver(Protocol):
    """One environment on one target. Everything but the stacks themselves: those are the same on both."""

    @property
    def metric_period_s(self) -> float:
        """How often the platform reports its metrics to CloudWatch."""
        ...

    @property
    def poll_s(self) -> float:
        """How long to wait between two looks at a stack that is being worked on."""
        ...

    @property
    def patience_s(self) -> float:
        """How long services may take to turn healthy."""
        ...

    @property
    def is_new(self) -> bool:
        """Did `open` start the cloud itself, so that it has to end with whoever asked for it?"""
        ...

    def open(self, *, detached: bool) -> Connection:
        """Make the cloud reachable: start it, or take the one that runs. `EnvironmentFault` says what is missing."""
        ...

    def attach(self) -> Connection:
        """Reach the cloud that runs; `EnvironmentFault` when none does."""
        ...

    def settle(self, connection: Connection, outputs: Mapping[str, str]) -> None:
        """Wait until every service is healthy; `EnvironmentFault` says which is not, and why."""
        ...

    def endpoints(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        """URL by name (`alb`, `elasticache`), as reached from this machine."""
        ...

    def status(self, connection: Connection, outputs: Mapping[str, str]) -> PlatformStatus:
        """One look at everything that runs."""
        ...

    def evidence(self) -> tuple[str, ...]:
        """The last lines of the logs that may explain why something went wrong; empty where there are none."""
        ...

    def close(self) -> None:
        """End what `open` started, and everything below it. Idempotent."""
        ...

    def destroy(self, talk: Callable[[str], None]) -> None:
        """Take away the whole platform, whoever brought it up. Idempotent."""
        ...
