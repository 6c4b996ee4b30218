"""A task learns its ARN from ECS, and starts all the same when ECS does not answer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from services.chassis.aws import task
from services.chassis.aws.task import LOCAL, task_arn, task_id

ARN = "arn:aws:ecs:us-east-1:000000000000:task/cafe-dev/1eb98a8c"


@contextmanager
def agent(status: int, body: bytes) -> Iterator[str]:
    """A metadata endpoint that answers so at /v4/1eb98a8c/task; its address as a task is given it."""

    class Agent(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = self.path == "/v4/1eb98a8c/task"
            self.send_response(status if is_known else 404)
            self.end_headers()
            self.wfile.write(body if is_known else b"{}")

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Agent) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v4/1eb98a8c"
        server.shutdown()
        thread.join()


def test_a_task_is_told_its_arn() -> None:
    with agent(200, b'{"TaskARN": "%s", "Family": "order"}' % ARN.encode()) as uri:
        assert task_arn(uri) == ARN
    assert task_id(ARN) == "1eb98a8c"


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, b'{"error": "no such task"}'), (200, b"<html>"), (200, b"")],
    ids=["404", "html", "empty"],
)
def test_an_answer_without_an_arn_is_told_and_stops_nobody(
    status: int, body: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    with agent(status, body) as uri:
        assert task_arn(uri) == "1eb98a8c"
    assert f"{uri}/task did not tell" in capsys.readouterr().err


def test_no_answer_is_told_and_stops_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(task, "_ANSWER_S", 0.2)
    assert task_arn("http://127.0.0.1:1/v4/1eb98a8c") == "1eb98a8c"
    assert "Connection refused" in capsys.readouterr().err


def test_outside_ecs_a_task_is_local() -> None:
    assert task_arn("") == task_id(LOCAL) == LOCAL
