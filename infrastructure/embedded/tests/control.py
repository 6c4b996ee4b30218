"""A control plane without a socket: calls go through every interceptor into moto, and answers come back parsed."""

import asyncio
import json
from collections.abc import Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar
from urllib.parse import urlencode

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.call import Answer, Call, HttpRequest, Interceptor
from infrastructure.embedded.gateway.control_plane import ControlPlane
from infrastructure.embedded.gateway.interceptors import chain
from infrastructure.embedded.gateway.request import call_of
from infrastructure.embedded.gateway.routing import Router
from infrastructure.embedded.gateway.signing.credentials import Credentials, Keyring
from infrastructure.embedded.moto.records import Backends

ACCOUNT = "123456789012"
REGION = "us-east-1"
ROUTER = Router(PROVIDERS)
OPERATOR = Credentials.long_term()
"""Whose keys the clouds of tests take."""
Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a test's coroutine, on a loop of its own, within a minute: the first one imports moto."""
    return asyncio.run(asyncio.wait_for(coroutine, 60.0))


def headers_of(service: str, *, caller: str = "tester", region: str = REGION) -> dict[str, str]:
    """Whose call it is and for what, as a signed request says it; the signature is none."""
    credential = f"{caller}/20260101/{region}/{service}/aws4_request"
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0",
        "host": "127.0.0.1:4566",
    }


def call(service: str, action: str, parameters: dict[str, Any], *, caller: str = "tester", at: float = 0.0) -> Call:
    """A call as an SDK sends it: JSON, or a form for the query protocols (whose parameters are given flat)."""
    api = ROUTER.named(service)
    headers = headers_of(service, caller=caller)
    if api is None or api.protocol == "json":
        target = api.target if api else "Unknown"
        headers |= {"x-amz-target": f"{target}.{action}", "content-type": "application/x-amz-json-1.0"}
        body = json.dumps(parameters).encode()
    else:
        headers["content-type"] = "application/x-www-form-urlencoded"
        body = urlencode({"Action": action, "Version": api.version or "2010-05-15", **parameters}).encode()
    found = call_of(HttpRequest(method="POST", path="/", query="", headers=headers, body=body), ROUTER, at=at)
    return replace(found, parameters=parameters)  # as they are; the gateway reads and checks them by itself


@dataclass
class Control:
    """One fresh cloud. `changes` are the calls (API, operation) that the controllers would have heard of."""

    interceptors: tuple[Interceptor, ...] | None = None
    changes: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.backends = fresh_backends()
        self.keyring = Keyring(ACCOUNT, OPERATOR)
        chosen = chain(self.backends) if self.interceptors is None else self.interceptors
        self.plane = ControlPlane(
            region=REGION,
            keyring=self.keyring,
            router=ROUTER,
            operations=self.backends.operations,
            interceptors=chosen,
            pages={},
            on_mutation=lambda service, name: self.changes.append((service, name)),
        )

    async def answer(self, service: str, action: str, /, **parameters: Any) -> Answer:
        return await self.plane.handle(call(service, action, parameters))

    async def ask(self, service: str, action: str, /, **parameters: Any) -> Any:
        """The result of a call of a JSON protocol, which must succeed."""
        answer = await self.answer(service, action, **parameters)
        assert answer.is_success, f"{service}:{action} was answered {answer.status}: {answer.body!r}"
        return json.loads(answer.body) if answer.body else {}

    async def refusal(self, service: str, action: str, /, **parameters: Any) -> dict[str, Any]:
        """The error document of a call of a JSON protocol, which must fail; `status` is added."""
        answer = await self.answer(service, action, **parameters)
        assert not answer.is_success, f"{service}:{action} succeeded: {answer.body!r}"
        return {**json.loads(answer.body), "status": answer.status}


def fresh_backends() -> Backends:
    """Back ends with nothing in them: moto's records belong to the process, so the last test's are dropped."""
    backends = Backends(ACCOUNT, REGION)
    from moto.core.base_backend import BackendDict

    BackendDict.reset()
    return backends


def table(name: str, *, read: int = 1000, write: int = 1000, sort: str | None = None) -> dict[str, Any]:
    """Parameters of CreateTable for a table with the key `id`, and `sort` as its sort key."""
    keys = [("id", "HASH")] + ([(sort, "RANGE")] if sort else [])
    return {
        "TableName": name,
        "KeySchema": [{"AttributeName": key, "KeyType": kind} for key, kind in keys],
        "AttributeDefinitions": [{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        "ProvisionedThroughput": {"ReadCapacityUnits": read, "WriteCapacityUnits": write},
    }
