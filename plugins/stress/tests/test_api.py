"""The operators' stress endpoints, spoken to a service in this process."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import pytest
import urllib3

from infrastructure.errors import EnvironmentFault
from plugins.stress.cpu import api
from plugins.stress.cpu.api import StressApi, StressRefusedError


@contextmanager
def service(post: tuple[int, bytes] | None) -> Iterator[tuple[str, list[str]]]:
    """Its address and the methods it was asked, in order. `post`: what it answers to a start; None for never."""
    asked: list[str] = []
    over = Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append("POST")
            if post is None:
                over.wait()
            else:
                self._answer(*post)

        def do_DELETE(self) -> None:
            asked.append("DELETE")
            self._answer(200, b"{}")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
            """The tests' output is no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", asked
        finally:
            over.set()
            server.shutdown()
            thread.join()


def test_a_run_ends_with_its_block() -> None:
    with service((202, b'{"run_id": "r-1"}')) as (url, asked):
        with StressApi(url, "/stress", "token") as found:
            assert found.start(10, 95) == "r-1"
        assert asked == ["POST", "DELETE"]


def test_a_start_that_is_not_answered_in_time_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service may have begun: a run nobody ends burns its CPU into the next test."""
    monkeypatch.setattr(api, "_TIMEOUT", urllib3.Timeout(connect=5.0, read=0.2))
    with service(None) as (url, asked):
        answer = r"POST http://.*/stress got no answer: .*timed out"
        with pytest.raises(EnvironmentFault, match=answer), StressApi(url, "/stress", "token") as found:
            found.start(10, 95)
        assert asked == ["POST", "DELETE"]


def test_another_ones_run_is_left_alone() -> None:
    with service((409, b'{"title": "Conflict", "detail": "r-0 is running"}')) as (url, asked):
        refusal = "answered 409: Conflict: r-0 is running"
        with pytest.raises(StressRefusedError, match=refusal), StressApi(url, "/stress", "token") as found:
            found.start(10, 95)
        assert asked == ["POST"]


def test_a_service_that_is_not_there_is_reported_in_words() -> None:
    with service(None) as (url, _):
        pass
    refusal = r"POST http.*got no answer: .*Connection refused"
    with pytest.raises(EnvironmentFault, match=refusal), StressApi(url, "/stress", "token") as found:
        found.start(10, 95)


def test_a_run_that_cannot_be_ended_is_reported_beside_what_went_wrong_first() -> None:
    def breaks_off() -> None:
        with ExitStack() as services:
            url, _ = services.enter_context(service((202, b'{"run_id": "r-1"}')))
            with StressApi(url, "/stress", "token") as found:
                found.start(10, 95)
                services.close()
                raise InterruptedError

    with pytest.raises(InterruptedError) as caught:
        breaks_off()
    assert "its run may go on for its time: DELETE http" in caught.value.__notes__[0]


def test_a_run_that_was_ended_is_not_ended_once_more() -> None:
    with service((202, b'{"run_id": "r-1"}')) as (url, asked):
        with StressApi(url, "/stress", "token") as found:
            found.start(10, 95)
            found.stop()
        assert asked == ["POST", "DELETE"]
