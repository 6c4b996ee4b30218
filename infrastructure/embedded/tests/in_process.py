"""boto3's clients on a control plane in this process: no socket, no thread, all else as an application has it."""

import asyncio
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.config import Config

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.control_plane import ControlPlane
from infrastructure.embedded.gateway.request import call_of
from infrastructure.embedded.tests.control import REGION, ROUTER

DEADLINE_S = 10.0
_URL = "http://127.0.0.1:4566"


class Clients:
    """Clients of one control plane; what it does by itself goes on during calls and `run`. Close it."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._loop = asyncio.new_event_loop()

    def client(self, service: str) -> Any:
        """A client that asks once; a name that Python keeps for itself may end in a dash."""
        service = service.rstrip("-")
        make: Any = boto3.client  # its stubs know no service by a variable
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        keys = {"aws_access_key_id": "key", "aws_secret_access_key": "secret"}
        client = make(service, region_name=REGION, endpoint_url=_URL, config=config, **keys)
        client.meta.events.register("before-send", self._send)
        return client

    def run(self, awaitable: Any) -> Any:
        """What comes of an awaitable, on the loop that the calls run on."""
        return self._loop.run_until_complete(asyncio.wait_for(awaitable, DEADLINE_S))

    def close(self) -> None:
        """End the loop."""
        self._loop.close()

    def _send(self, request: AWSPreparedRequest, **_: Any) -> AWSResponse:
        parts = urlsplit(request.url)
        body: Any = request.body or b""
        body = body.read() if hasattr(body, "read") else body
        asked = HttpRequest(
            method=request.method,
            path=parts.path,
            query=parts.query,
            headers={name.lower(): _text(value) for name, value in request.headers.items()} | {"host": parts.netloc},
            body=body.encode() if isinstance(body, str) else bytes(body),
        )
        answer = self.run(self._plane.handle(call_of(asked, ROUTER, at=0.0)))
        return AWSResponse(request.url, answer.status, answer.headers, _Raw(answer.body))


class _Raw:
    """A body as botocore reads it."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def stream(self, *_: Any, **__: Any) -> Any:
        yield self._body

    def read(self, *_: Any, **__: Any) -> bytes:
        body, self._body = self._body, b""
        return body


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
