"""The target `embedded`: a daemon on this machine that is the cloud."""

import contextlib
import http.client
import json
import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infrastructure.connection import Connection
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.signing.sigv4 import Signer
from infrastructure.embedded.host.logfile import tail
from infrastructure.embedded.pace import FAST, Pace, pace
from infrastructure.environment import Environment
from infrastructure.errors import EnvironmentFault
from infrastructure.state import PlatformRecord, StateFolder, written_at
from infrastructure.status import PlatformStatus, ProcessStatus

SETTLE_S = 30.0
"""How long services may take to turn healthy at the fast pace; the slow one adds a task's start-up time."""
_ANSWER_S = 5.0
_LOGS_SHOWN = 3
_LINES_SHOWN = 12
_PAGES = "cafe"
"""What requests for the daemon's own pages are signed for."""


class EmbeddedTarget:
    """One environment on the embedded cloud. `asked` is the pace it must run at; None takes the one it runs at."""

    def __init__(self, environment: Environment, state: StateFolder, asked: Pace | None) -> None:
        self._environment = environment
        self._state = state
        self._pace = asked
        self._url = ""
        self._keys = Credentials(access_key="", secret_key="")
        self._is_new = False

    @property
    def metric_period_s(self) -> float:
        return self._pace_or_fast.metric_period_s

    @property
    def poll_s(self) -> float:
        return 0.05

    @property
    def patience_s(self) -> float:
        return SETTLE_S + 4 * self._pace_or_fast.task_start_s

    @property
    def is_new(self) -> bool:
        return self._is_new

    def open(self, *, detached: bool) -> Connection:
        """Start the daemon, or take the one that runs; refuses one at another pace, or that ends with another run."""
        running = self._running()
        if running is None:
            return self._start(detached=detached)
        self._check_reusable(running)
        return self._reach_alive(running)

    def attach(self) -> Connection:
        running = self._running()
        if running is None:
            raise EnvironmentFault(
                f"no platform is up for environment {self._environment.name!r};"
                f" bring it up with: cafe up --env {self._environment.name}"
            )
        connection = self._reach_alive(running)
        with self._understood():
            self._pace = pace(running.pace)
        return connection

    def settle(self, connection: Connection, outputs: Mapping[str, str]) -> None:
        del connection, outputs
        patience = self.patience_s
        status, body = self._get(f"/_cafe/ready?timeout_s={patience:g}", timeout_s=patience + _ANSWER_S)
        if status != http.client.OK:
            raise EnvironmentFault(
                f"the platform did not turn healthy within {patience:g} s: {_reasons(body)}. The logs end with"
            )

    def endpoints(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        del outputs
        with self._understood():
            found = self._look()["endpoints"]
            return {str(name): str(url) for name, url in found.items()}

    def status(self, connection: Connection, outputs: Mapping[str, str]) -> PlatformStatus:
        del connection, outputs
        with self._understood():
            look = self._look()
            return PlatformStatus(
                platform_id=look["platform_id"],
                environment=self._environment.name,
                target="embedded",
                pace=look["pace"],
                url=look["url"],
                pid=look["pid"],
                started_at=look["started_at"],
                endpoints=look["endpoints"],
                processes=tuple(ProcessStatus(**process) for process in look["processes"]),
            )

    def evidence(self) -> tuple[str, ...]:
        """The ends of the logs written to last: whatever went wrong, one of them was at it."""
        logs = sorted(self._state.logs.glob("*.log"), key=written_at)[-_LOGS_SHOWN:]
        return tuple(f"{log.stem}: {line}" for log in logs for line in tail(log, _LINES_SHOWN))

    def close(self) -> None:
        from infrastructure.embedded import launch

        launch.stop(self._state)

    def destroy(self, talk: Callable[[str], None]) -> None:
        name = self._environment.name
        talk(f"ending the embedded cloud of {name}" if self._running() else f"no embedded cloud of {name} was up")
        self.close()

    def _running(self) -> PlatformRecord | None:
        from infrastructure.embedded import launch

        return launch.find(self._state)

    @property
    def _pace_or_fast(self) -> Pace:
        return self._pace or FAST

    def _start(self, *, detached: bool) -> Connection:
        from infrastructure.embedded import launch

        # boto3 costs half a CPU second to import: spend it while the daemon starts, on the other core.
        warm = threading.Thread(target=_import_boto3, name="import boto3", daemon=True)
        warm.start()
        launch.launch(
            self._environment.name, self._environment.region, self._pace_or_fast, self._state, detached=detached
        )
        self._is_new = True
        warm.join()
        started = self._running()
        if started is None:
            raise EnvironmentFault(
                "the embedded cloud ended as soon as it was ready. Its logs end with", log=self.evidence()
            )
        return self._reach(started)

    def _check_reusable(self, running: PlatformRecord) -> None:
        name = self._environment.name
        if self._pace is not None and running.pace != self._pace.name:
            raise EnvironmentFault(
                f"the platform of {name!r} that is up runs at pace {running.pace!r}, asked for is {self._pace.name!r}:"
                f" pass --pace {running.pace}, or take it down first with: cafe down --env {name}"
            )
        if not running.detached:
            raise EnvironmentFault(
                f"the platform of {name!r} belongs to another run and ends with it (its cloud is process"
                f" {running.pid}): wait for that run, or keep a platform up for both with: cafe up --env {name}"
            )

    def _reach(self, running: PlatformRecord) -> Connection:
        self._url = running.url
        self._keys = Credentials(access_key=running.access_key, secret_key=running.secret_key)
        return Connection(
            region=self._environment.region,
            endpoint_url=running.url,
            access_key=running.access_key,
            secret_key=running.secret_key,
        )

    def _reach_alive(self, running: PlatformRecord) -> Connection:
        """The way to a cloud that runs; one that hangs is found out here, not by boto3's much longer time-out."""
        connection = self._reach(running)
        self._get("/_cafe/ready?timeout_s=0", timeout_s=_ANSWER_S)
        return connection

    def _get(self, path: str, *, timeout_s: float) -> tuple[int, bytes]:
        """One request to the daemon, straight: proxies of the shell's environment are none of its business."""
        parts = urllib.parse.urlsplit(self._url)
        connection = http.client.HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=timeout_s)
        try:
            host = {"host": parts.netloc}
            signer = Signer(self._keys, _PAGES, self._environment.region)
            connection.request("GET", path, headers=signer.sign("GET", path, host, b"", time.time()))
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as problem:
            name, why = self._environment.name, str(problem) or type(problem).__name__
            raise EnvironmentFault(
                f"the embedded cloud does not answer at {self._url}{path} within {timeout_s:g} s: {why}. It is stopped,"
                f" hung or gone: `cafe logs cloud --env {name}` shows its last words, `cafe down --env {name}` ends it"
            ) from problem
        finally:
            connection.close()

    def _look(self) -> Any:
        status, body = self._get("/_cafe/status", timeout_s=_ANSWER_S)
        if status != http.client.OK:
            raise EnvironmentFault(
                f"the embedded cloud at {self._url} answers {status} to a look at its status", log=self.evidence()
            )
        return json.loads(body)

    @contextlib.contextmanager
    def _understood(self) -> Iterator[None]:
        """The cloud's status is read; one of another version may write it otherwise."""
        try:
            yield
        except (ValueError, TypeError, KeyError, AttributeError) as problem:
            raise EnvironmentFault(
                f"the embedded cloud at {self._url} tells its status in a way that this version cannot read"
                f" ({type(problem).__name__}: {problem}). If it was brought up by another version, end it:"
                f" cafe down --env {self._environment.name}"
            ) from problem


def _reasons(body: bytes) -> str:
    """What keeps the platform from being ready, in the daemon's words."""
    try:
        return "; ".join(json.loads(body)["reasons"]) or "it gave no reason"
    except (ValueError, KeyError):
        return body.decode(errors="replace").strip()


def _import_boto3() -> None:
    import boto3  # noqa: F401 - only to have it loaded
