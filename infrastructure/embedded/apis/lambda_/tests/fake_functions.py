"""Functions without sandboxes: an invoker whose invocations a test answers, beside moto's real queues."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import InvokeTarget, not_found
from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.pace import FAST, Pace
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control

FUNCTION = "payment"
FUNCTION_ARN = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass(kw_only=True)
class Running:
    """An invocation that waits for its answer."""

    payload: bytes
    request_id: str
    answer: "asyncio.Future[Invocation]"

    @property
    def records(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.payload)["Records"]
        return found

    @property
    def bodies(self) -> list[str]:
        return [record["body"] for record in self.records]

    def succeed(self, payload: Any = None) -> None:
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.answer.set_result(Invocation(status="ok", request_id=self.request_id, payload=raw))

    def report(self, *bodies: str) -> None:
        """Answer that the messages with these bodies failed."""
        ids = [record["messageId"] for record in self.records if record["body"] in bodies]
        self.succeed({"batchItemFailures": [{"itemIdentifier": each} for each in ids]})

    def fail(self, message: str = "boom") -> None:
        payload = json.dumps({"errorType": "ValueError", "errorMessage": message}).encode()
        self.answer.set_result(Invocation(status="function_error", request_id=self.request_id, payload=payload))


@dataclass(kw_only=True)
class Functions:
    """Implements `Invoker` for one function. `throttled` counts what it refused."""

    slots: int = 100
    target_now: InvokeTarget | None = field(
        default_factory=lambda: InvokeTarget(name=FUNCTION, arn=FUNCTION_ARN, version="$LATEST", timeout_s=10.0)
    )
    reserved_now: int | None = None
    watchers: set[Callable[[], None]] = field(default_factory=set)
    throttled: int = 0
    running: int = 0
    _arrivals: "asyncio.Queue[Running]" = field(default_factory=asyncio.Queue)

    def target(self, name: str, qualifier: str = "") -> InvokeTarget:
        if self.target_now is None or name not in (FUNCTION, FUNCTION_ARN):
            raise not_found(f"Function not found: {name}")
        return replace(self.target_now, qualifier=qualifier)

    def reserved(self, name: str) -> int | None:
        del name
        return self.reserved_now

    def free_slots(self, name: str) -> int:
        del name
        return max(self.slots - self.running, 0)

    def limit(self, slots: int) -> None:
        """As PutFunctionConcurrency."""
        self.slots = slots
        self._changed()

    async def invoke(
        self, name: str, qualifier: str, payload: bytes, *, source: str, request_id: str = "", context: str = ""
    ) -> Invocation:
        del source, context
        self.target(name, qualifier)
        if self.running >= self.slots:
            self.throttled += 1
            return Invocation(status="throttled", request_id=request_id, reason="ConcurrentInvocationLimitExceeded")
        running = Running(payload=payload, request_id=request_id, answer=asyncio.get_running_loop().create_future())
        self.running += 1
        self._arrivals.put_nowait(running)
        try:
            return await running.answer
        finally:
            self.running -= 1
            asyncio.get_running_loop().call_soon(self._changed)

    async def next(self) -> Running:
        """The next invocation; fails the test when none comes."""
        async with asyncio.timeout(10.0):
            return await self._arrivals.get()

    def waiting(self) -> int:
        """Invocations that `next` has not given yet."""
        return self._arrivals.qsize()

    def _changed(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()


@dataclass
class Totals:
    """Metrics as sums by name."""

    by_name: Counter[str] = field(default_factory=Counter)

    def put(self, namespace: str, name: str, value: float, unit: str, dimensions: Mapping[str, str]) -> None:
        del unit
        assert (namespace, dict(dimensions)) == ("AWS/Lambda", {"FunctionName": FUNCTION})
        self.by_name[name] += int(value)


async def quiet() -> None:
    """Let everything happen that needs no time."""
    for _ in range(20):
        await asyncio.sleep(0)


def context(control: Control, pace: Pace = FAST) -> Any:
    """What the parts of the Lambda controller use of a `Context`."""
    return SimpleNamespace(backends=control.backends, pace=pace, region=REGION, account=ACCOUNT, metrics=Totals())
