"""The embedded cloud is started when none runs, taken when one does, and refused when it is not this run's to take."""

import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from infrastructure import environment
from infrastructure.embedded import launch
from infrastructure.embedded import target as target_module
from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing.authentication import Authentication
from infrastructure.embedded.gateway.signing.credentials import Credentials, Keyring
from infrastructure.embedded.launch import Launched
from infrastructure.embedded.pace import AWS, FAST, Pace
from infrastructure.embedded.target import EmbeddedTarget
from infrastructure.errors import EnvironmentFault
from infrastructure.state import PlatformRecord, StateFolder

DEV = environment.load("dev")


class Daemon(BaseHTTPRequestHandler):
    """Answers what `answers` holds, by path without its query."""

    ready: ClassVar[dict[str, tuple[int, object]]] = {"/_cafe/ready": (200, {"ready": True, "reasons": []})}
    answers: ClassVar[dict[str, tuple[int, object]]] = ready

    asked: ClassVar[list[HttpRequest]] = []

    def do_GET(self) -> None:
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.asked.append(HttpRequest(method="GET", path=path, query=query, headers=headers, body=b""))
        status, body = self.answers[self.path.split("?")[0]]
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


KEYS = ("AKIA", "s3cret")
LOOK = {"platform_id": "id", "pid": 7, "url": "http://127.0.0.1:9", "pace": "fast", "started_at": 1.0}


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where a daemon answers; proxies of the shell must not come between."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Daemon) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        Daemon.answers = Daemon.ready
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    return StateFolder(tmp_path / "dev")


def runs(monkeypatch: pytest.MonkeyPatch, url: str | None, *, pace: Pace = FAST, detached: bool = True) -> list[str]:
    """A daemon that runs (none with no `url`); the calls to start or stop it."""
    calls: list[str] = []
    known = [_record(url, pace, detached=detached)] if url is not None else []

    def start(*_arguments: Any, detached: bool) -> Launched:
        calls.append(f"launch {'detached' if detached else 'attached'}")
        known.append(_record("http://127.0.0.1:9", pace, detached=detached))
        return Launched(url="http://127.0.0.1:9", pid=8)

    monkeypatch.setattr(launch, "find", lambda _state: known[-1] if known else None)
    monkeypatch.setattr(launch, "launch", start)
    monkeypatch.setattr(launch, "stop", lambda _state: calls.append("stop"))
    return calls


def _record(url: str, pace: Pace, *, detached: bool) -> PlatformRecord:
    return PlatformRecord(
        platform_id="id",
        pid=7,
        url=url,
        access_key=KEYS[0],
        secret_key=KEYS[1],
        pace=pace.name,
        region="us-east-1",
        started_at=1.0,
        detached=detached,
    )


@pytest.mark.parametrize("detached", [True, False], ids=["detached", "attached"])
def test_one_is_started_where_none_runs(detached: bool, state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = runs(monkeypatch, None)
    target = EmbeddedTarget(DEV, state, FAST)
    connection = target.open(detached=detached)
    assert (connection.endpoint_url, connection.access_key, connection.secret_key) == ("http://127.0.0.1:9", *KEYS)
    assert (calls, target.is_new) == ([f"launch {'detached' if detached else 'attached'}"], True)


def test_one_that_runs_is_taken(url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = runs(monkeypatch, url)
    target = EmbeddedTarget(DEV, state, FAST)
    connection = target.open(detached=False)
    assert (connection.endpoint_url, connection.access_key, connection.secret_key) == (url, *KEYS)
    assert KEYS[1] not in repr(connection)
    assert (calls, target.is_new) == ([], False)


def test_what_it_asks_the_daemon_is_signed_with_the_operators_keys(
    url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, url)
    Daemon.asked.clear()
    EmbeddedTarget(DEV, state, FAST).open(detached=False)
    [asked] = Daemon.asked
    operator = Credentials(access_key=KEYS[0], secret_key=KEYS[1])
    issued, _ = Authentication(Keyring("123456789012", operator), DEV.region).check(asked, time.time())
    assert (asked.path, issued.credentials) == ("/_cafe/ready", operator)


def test_one_that_ends_as_soon_as_it_is_ready_is_a_fault(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, None)
    monkeypatch.setattr(launch, "find", lambda _state: None)
    with pytest.raises(EnvironmentFault, match="ended as soon as it was ready"):
        EmbeddedTarget(DEV, state, FAST).open(detached=False)


@pytest.mark.parametrize(
    ("pace", "detached", "message"),
    [
        (AWS, True, r"runs at pace 'aws', asked for is 'fast': pass --pace aws"),
        (FAST, False, r"belongs to another run and ends with it \(its cloud is process 7\)"),
    ],
    ids=["another-pace", "another-run's"],
)
def test_one_that_is_not_ours_to_take_is_refused(
    pace: Pace, detached: bool, message: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, "http://127.0.0.1:5", pace=pace, detached=detached)
    with pytest.raises(EnvironmentFault, match=message):
        EmbeddedTarget(DEV, state, FAST).open(detached=True)


def test_attaching_takes_the_pace_it_runs_at(url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, url, pace=AWS, detached=False)
    target = EmbeddedTarget(DEV, state, None)
    target.attach()
    assert target.metric_period_s == AWS.metric_period_s


def test_a_pace_of_another_version_is_a_fault_with_the_next_step(
    url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, url, pace=dataclasses.replace(AWS, name="warp"))
    with pytest.raises(EnvironmentFault, match=r"'warp'.*cafe down --env dev"):
        EmbeddedTarget(DEV, state, None).attach()


def test_attaching_to_nothing_says_how_to_bring_it_up(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    runs(monkeypatch, None)
    with pytest.raises(EnvironmentFault, match=r"no platform is up for environment 'dev'.*cafe up --env dev"):
        EmbeddedTarget(DEV, state, None).attach()


def test_a_platform_that_does_not_settle_says_why(
    url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, url)
    Daemon.answers = {"/_cafe/ready": (504, {"ready": False, "reasons": ["service order: 0 of 2 tasks are healthy"]})}
    target = EmbeddedTarget(DEV, state, FAST)
    connection = target.open(detached=True)
    with pytest.raises(
        EnvironmentFault, match=r"not turn healthy within 30 s: service order: 0 of 2 tasks are healthy"
    ):
        target.settle(connection, {})


def test_a_settled_platform_tells_its_endpoints_and_processes(
    url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, url)
    process = {"id": "envoy", "kind": "envoy", "service": None, "resource": "", "pid": 3, "port": None, "az": None}
    processes = [{**process, "state": "running", "cpu_s": 0.5, "rss_bytes": 4096}]
    Daemon.answers = {
        "/_cafe/ready": (200, {"ready": True, "reasons": []}),
        "/_cafe/status": (200, {**LOOK, "endpoints": {"alb": "http://127.0.0.1:6"}, "processes": processes}),
    }
    target = EmbeddedTarget(DEV, state, FAST)
    connection = target.open(detached=True)
    target.settle(connection, {})
    assert target.endpoints({}) == {"alb": "http://127.0.0.1:6"}
    assert [(p.id, p.pid, p.cpu_s) for p in target.status(connection, {}).processes] == [("envoy", 3, 0.5)]


@pytest.mark.parametrize(
    "look",
    [
        pytest.param({}, id="nothing-known"),
        pytest.param(
            {**LOOK, "processes": [{"id": "envoy", "colour": "red"}]}, id="a-process-that-is-described-otherwise"
        ),
        pytest.param({**LOOK, "endpoints": ["alb"], "processes": [{}]}, id="a-list-for-a-table"),
        pytest.param([], id="a-list"),
    ],
)
def test_a_status_of_another_version_is_a_fault_with_the_next_step(
    look: object, url: str, state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs(monkeypatch, url)
    Daemon.answers = {"/_cafe/ready": (200, {"ready": True, "reasons": []}), "/_cafe/status": (200, look)}
    target = EmbeddedTarget(DEV, state, FAST)
    connection = target.open(detached=True)
    with pytest.raises(EnvironmentFault, match="another version, end it: cafe down --env dev"):
        target.status(connection, {})


def test_the_evidence_is_the_end_of_the_logs_written_last(state: StateFolder) -> None:
    state.logs.mkdir(parents=True)
    (state.logs / "cloud.log").write_text("\n".join(f"line {n}" for n in range(50)), encoding="utf-8")
    evidence = EmbeddedTarget(DEV, state, FAST).evidence()
    assert (len(evidence), evidence[-1]) == (12, "cloud: line 49")


def attach(target: EmbeddedTarget) -> object:
    return target.attach()


def take(target: EmbeddedTarget) -> object:
    return target.open(detached=True)


@pytest.mark.parametrize("reach", [attach, take])
@pytest.mark.parametrize("state_of_it", ["gone", "hung"])
def test_a_daemon_that_does_not_answer_is_a_fault_with_the_next_step(
    state_of_it: str,
    reach: Callable[[EmbeddedTarget], object],
    state: StateFolder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(target_module, "_ANSWER_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # connects, and answers nothing
        port = listener.getsockname()[1] if state_of_it == "hung" else 1
        runs(monkeypatch, f"http://127.0.0.1:{port}")
        with pytest.raises(
            EnvironmentFault, match=rf"does not answer at http://127.0.0.1:{port}/.*cafe down --env dev"
        ):
            reach(EmbeddedTarget(DEV, state, FAST))
