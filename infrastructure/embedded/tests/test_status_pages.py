"""The daemon's pages about itself."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest

from infrastructure.embedded.control.reconciler import Reconciler
from infrastructure.embedded.daemon import Options
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.host.supervisor import ProcessSpec, Supervisor
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.status_pages import StatusPages
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE, PAUSE
from infrastructure.state import StateFolder

if TYPE_CHECKING:
    from infrastructure.embedded.network.edges import Network

ENDPOINTS = {"alb": "http://127.0.0.1:10001"}


class Unhealthy:
    name: ClassVar[str] = "ecs"
    watches: ClassVar[frozenset[str]] = frozenset({"ecs"})

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons

    async def reconcile(self, _key: str, /) -> None:
        """Nothing to do."""

    async def close(self) -> None:
        """Nothing to do."""

    def unsettled(self) -> tuple[str, ...]:
        return self.reasons


def asked(
    state: StateFolder, body: Callable[[StatusPages, Supervisor], Awaitable[Any]], reasons: tuple[str, ...] = ()
) -> Any:
    async def all_of_it() -> Any:
        options = Options(
            environment="dev",
            region="us-east-1",
            pace=FAST,
            state=state,
            detached=False,
            owner=None,
            ready=None,
            platform_id="abc",
            started_at=time.time(),
            operator=Credentials.long_term(),
        )
        supervisor = Supervisor(state, LIGHT_ZYGOTE)
        reconciler = Reconciler(3600.0)
        reconciler.adopt([Unhealthy(reasons)])
        reconciler.start()
        network = cast("Network", SimpleNamespace(endpoints=ENDPOINTS))  # all that the pages ask of it
        try:
            return await body(
                StatusPages(options, supervisor, network, reconciler, "http://127.0.0.1:10000"), supervisor
            )
        finally:
            await reconciler.close()
            await supervisor.close()

    return asyncio.run(all_of_it())


def test_status_tells_the_platform_and_every_process(state: StateFolder) -> None:
    async def body(pages: StatusPages, supervisor: Supervisor) -> Mapping[str, Any]:
        spec = ProcessSpec(
            id="task", kind="ecs-task", resource="arn:task", env={}, service="order", port=10002, az="a", entry=PAUSE
        )
        await supervisor.start(spec)
        status: Mapping[str, Any] = json.loads(await pages.status({}))
        return status

    status = asked(state, body)
    assert (status["platform_id"], status["pace"], status["endpoints"]) == ("abc", "fast", ENDPOINTS)
    by_id = {process["id"]: process for process in status["processes"]}
    assert by_id.keys() == {"guard", "zygote", "task"}
    task = by_id["task"]
    assert task["rss_bytes"] > 0
    assert {key: task[key] for key in ("kind", "service", "resource", "port", "az", "state")} == {
        "kind": "ecs-task",
        "service": "order",
        "resource": "arn:task",
        "port": 10002,
        "az": "a",
        "state": "running",
    }


@pytest.mark.parametrize(
    ("query", "reasons", "status", "body"),
    [
        ({}, (), 504, {"ready": False, "reasons": ["ecs has not looked at the latest changes yet"]}),
        ({"timeout_s": "2"}, (), 200, {"ready": True, "reasons": []}),
        ({"timeout_s": "0.05"}, ("order: 1 of 2",), 504, {"ready": False, "reasons": ["order: 1 of 2"]}),
        ({"timeout_s": "soon"}, (), 400, {"error": "timeout_s is a number of seconds, not 'soon'"}),
        ({"timeout_s": "nan"}, (), 400, {"error": "timeout_s is a number of seconds, not 'nan'"}),
    ],
    ids=["at-once", "ready", "not-ready", "no-number", "nan"],
)
def test_ready_waits_and_says_why_not(
    state: StateFolder, query: dict[str, str], reasons: tuple[str, ...], status: int, body: dict[str, object]
) -> None:
    async def ask(pages: StatusPages, _: Supervisor) -> Answer:
        return await pages.ready(query)

    answer = asked(state, ask, reasons)
    assert (answer.status, json.loads(answer.body)) == (status, body)
