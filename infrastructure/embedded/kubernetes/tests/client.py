"""Requests to an API server in this process: no socket, all else as a client has it."""

import asyncio
import itertools
import json
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.gateway.call import Answer, HttpRequest
from infrastructure.embedded.kubernetes import admission
from infrastructure.embedded.kubernetes.api.access import MASTERS, User
from infrastructure.embedded.kubernetes.api.answers import text
from infrastructure.embedded.kubernetes.api.places import Place, Query
from infrastructure.embedded.kubernetes.api.server import ApiServer
from infrastructure.embedded.kubernetes.kubelet.execution import Execution, Wish
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.store import Store
from infrastructure.embedded.kubernetes.tokens import Tokens

PODS = "/api/v1/namespaces/default/pods"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
NOW = 1_800_000_000.0


class Counted:
    """Addresses that are never served."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def allocate(self) -> str:
        return f"127.96.0.{next(self._numbers)}"

    def release(self, address: str) -> None:
        """None comes back."""


class NoNodes:
    """Kubelets that know nothing."""

    async def log(self, pod: Object, query: Query) -> Answer:
        del pod, query
        return text("")

    async def execute(self, pod: Object, wish: Wish) -> Execution:
        del pod
        raise LookupError(wish.container)

    async def written(self, pod: Object, container: str) -> AsyncGenerator[bytes, None]:
        del pod, container
        yield b""

    async def connect(self, pod: Object, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        del pod
        raise LookupError(port)

    def metrics(self, place: Place, query: Query) -> Answer:
        del place, query
        return text("")


@dataclass(frozen=True, slots=True)
class Said:
    """A status, and the document that came with it."""

    code: int
    body: Any
    headers: Mapping[str, str]


class Client:
    """Asks as the administrator, or as `user`; its cluster has the namespace `default`, and no controllers."""

    def __init__(self) -> None:
        self.now = [NOW]
        self.registry = Registry(Store(), lambda: self.now[0])
        admission.install(self.registry, Counted())
        self.users = {"admin": User(name="admin", groups=(MASTERS,))}
        tokens = Tokens(self.registry.store, lambda: self.now[0])
        self.server = ApiServer(self.registry, NoNodes(), self.users.get, tokens, "127.0.0.1:1")
        self.registry.create(kinds.NAMESPACE, {"metadata": {"name": "default"}})

    async def answer(self, method: str, path: str, body: Any = None, *, user: str = "admin", **headers: str) -> Answer:
        at, _, query = path.partition("?")
        given = {"authorization": f"Bearer {user}", **{name.replace("_", "-"): each for name, each in headers.items()}}
        written = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        return await self.server.answer(HttpRequest(method=method, path=at, query=query, headers=given, body=written))

    async def __call__(self, method: str, path: str, body: Any = None, **more: str) -> Said:
        answer = await self.answer(method, path, body, **more)
        return Said(answer.status, json.loads(answer.body), answer.headers)

    async def patch(self, path: str, body: Any, kind: str = "merge") -> Said:
        written = {"merge": "merge-patch+json", "json": "json-patch+json", "strategic": "strategic-merge-patch+json"}
        return await self("PATCH", path, body, content_type=f"application/{written.get(kind, kind)}")

    async def watch(self, path: str, count: int) -> list[Any]:
        """The first `count` lines of a watch."""
        answer = await self.answer("GET", path)
        assert answer.stream is not None, answer.body
        found: list[Any] = []
        async for part in answer.stream:
            found += [json.loads(line) for line in part.splitlines()]
            if len(found) >= count:
                break
        await answer.stream.aclose()
        return found


def config_map(name: str, **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}
