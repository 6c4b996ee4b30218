"""A control plane with streams whose clock a test moves, and whose changes take as long as it says."""

import base64
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from infrastructure.embedded.apis.kinesis.controller import bind
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.control.metrics import Metrics
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.control import Control

SHARD = "shardId-000000000000"
EXCEEDED = "ProvisionedThroughputExceededException"


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Streams:
    """Kinesis's calls; `lag_s` is how long a change of a stream takes."""

    def __init__(self, *, lag_s: float = 0.0, clock: Clock | None = None) -> None:
        self.control = Control()
        self.clock = clock or Clock()
        self.folder = Path(tempfile.mkdtemp(prefix="kinesis-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        self.registry = Registry(self.control.backends.kinesis, self.folder / "records", lag_s=lag_s, clock=self.clock)
        self.metrics = Metrics(self.control.backends, FAST, clock=self.clock)
        bind(self.control.backends.operations, self.registry, self.metrics)

    async def ask(self, action: str, **members: Any) -> Any:
        return await self.control.ask("kinesis", action, **members)

    async def refusal(self, action: str, **members: Any) -> dict[str, Any]:
        return await self.control.refusal("kinesis", action, **members)

    async def code(self, action: str, **members: Any) -> str:
        """The code it is refused with; empty when it is not."""
        answer = await self.control.answer("kinesis", action, **members)
        return "" if answer.is_success else str((await self.refusal(action, **members))["__type"])

    async def iterator(self, kind: str = "TRIM_HORIZON", shard: str = SHARD, stream: str = "s", **more: Any) -> str:
        asked = {"StreamName": stream, "ShardId": shard, "ShardIteratorType": kind, **more}
        return str((await self.ask("GetShardIterator", **asked))["ShardIterator"])

    async def put(self, text: str, key: str = "k", stream: str = "s", **more: Any) -> dict[str, Any]:
        put: dict[str, Any] = await self.ask(
            "PutRecord", StreamName=stream, Data=encoded(text.encode()), PartitionKey=key, **more
        )
        return put

    async def read(self, iterator: str) -> tuple[list[str], dict[str, Any]]:
        """What the records say that it gives, and all of the answer."""
        page = await self.ask("GetRecords", ShardIterator=iterator)
        return [decoded(each["Data"]) for each in page["Records"]], page


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decoded(data: str) -> str:
    return base64.b64decode(data).decode()


async def streams(shards: int = 1, *, lag_s: float = 0.0) -> Streams:
    """With the stream `s`."""
    made = Streams(lag_s=lag_s)
    await made.ask("CreateStream", StreamName="s", ShardCount=shards)
    made.clock.now += lag_s
    return made
