"""Writes to DocumentDB that come when they are due, by pymongo with its default options: what its clients feel.

Each is a document of its own, and one more in a counter, which tells of a write that was done twice.
"""

import asyncio
import threading
import time
from types import TracebackType
from typing import Any, Self

import pymongo
from pymongo.errors import PyMongoError

from infrastructure.errors import EnvironmentFault

RATE = 50.0
"""Writes a second: a gap is measured to a fiftieth of one."""
_DATABASE = "bench"
_COUNTER = "counter"


class DocumentWriter:
    """`with DocumentWriter(url) as writer`: `RATE` writes a second into a database of its own, from its own thread.

    The database goes with the block.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._commits: dict[int, float] = {}
        self._counted = 0
        self._under_way: set[asyncio.Task[None]] = set()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="open-model document writer")
        self.failed = 0

    def __enter__(self) -> Self:
        with pymongo.MongoClient[dict[str, Any]](self._url) as client:
            client.drop_database(_DATABASE)
            client[_DATABASE].counters.insert_one({"_id": _COUNTER, "n": 0})
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        with pymongo.MongoClient[dict[str, Any]](self._url) as client:
            client.drop_database(_DATABASE)

    def stop(self) -> None:
        """No further writes; those under way end. Safe to call twice."""
        self._is_stopping.set()
        self._thread.join()

    def commits(self) -> tuple[float, ...]:
        """When documents were acknowledged, in seconds of the monotonic clock."""
        return tuple(self._commits.copy().values())

    def check_books(self) -> int:
        """How many were acknowledged; `EnvironmentFault` if one is lost, or was done twice. Call it after `stop`."""
        with pymongo.MongoClient[dict[str, Any]](self._url) as client:
            kept = set(client[_DATABASE].writes.distinct("_id"))
            counter = (client[_DATABASE].counters.find_one({"_id": _COUNTER}) or {"n": -1})["n"]
        if lost := sorted(set(self._commits) - kept):
            raise EnvironmentFault(f"{len(lost)} of {len(self._commits)} acknowledged writes are lost: {lost[:10]}")
        if not self._counted <= counter <= self._counted + self.failed:
            raise EnvironmentFault(f"{self._counted} increments acknowledged, {self.failed} failed, {counter} done")
        return len(self._commits)

    async def _run(self) -> None:
        client = pymongo.AsyncMongoClient[dict[str, Any]](self._url)
        started, number = time.monotonic(), 0
        async with client:
            while not self._is_stopping.is_set():
                await asyncio.sleep(max(started + number / RATE - time.monotonic(), 0.0))
                task = asyncio.create_task(self._write(client, number))
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                number += 1
            await asyncio.gather(*self._under_way)

    async def _write(self, client: "pymongo.AsyncMongoClient[dict[str, Any]]", number: int) -> None:
        try:
            await client[_DATABASE].writes.insert_one({"_id": number})
            self._commits[number] = time.monotonic()
            await client[_DATABASE].counters.update_one({"_id": _COUNTER}, {"$inc": {"n": 1}})
            self._counted += 1
        except PyMongoError:
            self.failed += 1
