"""DynamoDB in whose transactions others are ahead: a proxy that cancels the first ones as AWS does.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

import http.client
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

Meets = Callable[[list[Any]], bool]
"""Whether a transaction of these items meets another one now."""


class Conflicts:
    """`url` is DynamoDB's; `seen` are the transactions that were asked for."""

    def __init__(self, there: str, meets: Meets) -> None:
        self.there = urlsplit(there)
        self.meets = meets
        self.seen: list[dict[str, Any]] = []
        self.url = ""

    def answer(self, headers: dict[str, str], body: bytes) -> tuple[int, bytes]:
        if headers["x-amz-target"].endswith(".TransactWriteItems"):
            asked = json.loads(body)
            self.seen.append(asked)
            if self.meets(asked["TransactItems"]):
                return 400, _cancelled(len(asked["TransactItems"]))
        connection = http.client.HTTPConnection(str(self.there.hostname), self.there.port or 80, timeout=10)
        try:
            connection.request("POST", "/", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def _cancelled(items: int) -> bytes:
    reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
    reasons += [{"Code": "None"}] * (items - 1)
    message = "Transaction cancelled, please refer cancellation reasons for specific reasons [TransactionConflict, …]"
    kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    return json.dumps({"__type": kind, "message": message, "CancellationReasons": reasons}).encode()


@contextmanager
def conflicts(there: str, meets: Meets) -> Iterator[Conflicts]:
    """A proxy of the DynamoDB at `there`, on loopback."""
    made = Conflicts(there, meets)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, body = made.answer(headers, self.rfile.read(int(headers["content-length"])))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        made.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield made
        finally:
            server.shutdown()
            thread.join()
