"""A target that is only bookkeeping: tells what was asked of it, and fails when told to."""

from collections.abc import Callable, Mapping

from infrastructure.connection import Connection
from infrastructure.errors import EnvironmentFault
from infrastructure.status import PlatformStatus


class FakeDriver:
    """A `Driver`. `was_up` is what `open` finds; `fault` is raised while it settles.

    `is_interrupted` says that somebody presses Ctrl-C while it settles, or while it is taken down.
    """

    def __init__(self, *, was_up: bool = False, fault: str | None = None, is_interrupted: bool = False) -> None:
        self.calls: list[str] = []
        self._is_up = was_up
        self._is_new = False
        self._fault = fault
        self._is_interrupted = is_interrupted

    @property
    def metric_period_s(self) -> float:
        return 1.0

    @property
    def poll_s(self) -> float:
        return 0.0

    @property
    def patience_s(self) -> float:
        return 1.0

    @property
    def is_new(self) -> bool:
        return self._is_new

    def open(self, *, detached: bool) -> Connection:
        self.calls.append(f"open {'detached' if detached else 'attached'}")
        self._is_new, self._is_up = not self._is_up, True
        return self._connection()

    def attach(self) -> Connection:
        self.calls.append("attach")
        return self._connection()

    def settle(self, connection: Connection, outputs: Mapping[str, str]) -> None:
        del connection, outputs
        self.calls.append("settle")
        if self._is_interrupted:
            raise KeyboardInterrupt
        if self._fault is not None:
            raise EnvironmentFault(self._fault)

    def endpoints(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        del outputs
        return {"alb": "http://127.0.0.1:1", "elasticache": "redis://:pass@127.0.0.1:2/0"}

    def status(self, connection: Connection, outputs: Mapping[str, str]) -> PlatformStatus:
        return PlatformStatus(
            platform_id="fake",
            environment="dev",
            target="embedded",
            pace="fast",
            url=connection.endpoint_url,
            pid=1,
            started_at=0.0,
            endpoints=self.endpoints(outputs),
            processes=(),
        )

    def evidence(self) -> tuple[str, ...]:
        return ("the last line of a log",)

    def close(self) -> None:
        self.calls.append("close")
        self._is_up = False

    def destroy(self, talk: Callable[[str], None]) -> None:
        del talk
        self.calls.append("destroy")
        if self._is_interrupted:
            raise KeyboardInterrupt
        self._is_up = False

    def _connection(self) -> Connection:
        return Connection(region="us-east-1", endpoint_url="http://127.0.0.1:9", access_key="it's", secret_key="x")
