"""The others are asked as the catalogue says, and what is not the right answer is none."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from botocore.exceptions import ClientError

from plugins.slo import ClaimError
from plugins.stress.neighbours import asking, get, others, promise
from services.catalog import SERVICES, FunctionService, HttpService, function, http_services


@contextmanager
def server(status: int) -> Iterator[tuple[str, list[str]]]:
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as http.server has it
            """The tests' output is no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as found:
        thread = Thread(target=found.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{found.server_address[1]}", paths
        finally:
            found.shutdown()
            thread.join()


class Cafe:
    """A platform of one web server and one function that answers `body`."""

    def __init__(self, url: str = "", body: bytes = b"", fails: bool = False) -> None:
        self._url = url
        self._body = body
        self._fails = fails
        self.meta = None

    def endpoint(self, name: str) -> str:
        return self._url

    def output(self, key: str) -> str:
        return key

    def operator_token(self) -> str:
        return "token"

    def client(self, service: str) -> Any:
        return self

    def invoke(self, *, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        if self._fails:
            raise ClientError({"Error": {"Code": "TooManyRequestsException", "Message": ""}}, "Invoke")
        assert json.loads(Payload)["stress"]["checkouts"] == 1
        return {"Payload": io.BytesIO(self._body)}


@pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)
def test_every_service_has_all_others_and_not_itself_for_neighbours(service: Any) -> None:
    known = {one.name for one in SERVICES if isinstance(one, HttpService | FunctionService)}
    assert {one.name for one in others(service)} == known - {service.name}


@pytest.mark.parametrize("service", http_services(), ids=lambda one: one.name)
def test_a_service_is_asked_for_what_the_catalogue_says(service: HttpService) -> None:
    with server(service.reading.status) as (url, paths):
        assert asking(Cafe(url), service)()
    assert paths == [f"{service.route}{service.reading.path}"]


@pytest.mark.parametrize("status", [404, 500, 503])
def test_another_status_is_no_answer(status: int) -> None:
    with server(status) as (url, _):
        assert not get(url, status=200)()


def test_a_service_that_refuses_is_no_answer() -> None:
    assert not get("http://127.0.0.1:1", status=200)()


@pytest.mark.parametrize(
    ("cafe", "expected"),
    [
        pytest.param(Cafe(body=b'{"checkouts": 1}'), True, id="done"),
        pytest.param(Cafe(body=b'{"checkouts": 0}'), False, id="nothing done"),
        pytest.param(Cafe(body=b"<html>"), False, id="strange"),
        pytest.param(Cafe(fails=True), False, id="throttled"),
    ],
)
def test_a_function_is_asked_for_one_rehearsed_checkout(cafe: Cafe, expected: bool) -> None:
    [service] = [one for one in SERVICES if isinstance(one, FunctionService)]
    assert asking(cafe, service)() is expected


def test_a_promise_that_nobody_can_measure_is_refused() -> None:
    with pytest.raises(ClaimError, match="nothing measures what"):
        promise(replace(function("payment"), promise=("goodput >= 3 /s",)))
