"""Reads one shard under a lease: a batch at a time, and the next one only when the last is in the warehouse.

iterator ──> read ──> load ──> checkpoint ──┐        a failure repeats its own step after a back-off, for as long
              ^                             │        as it takes: meanwhile Kinesis holds what comes
              └──────── pace ───────────────┘
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from services.analytics.lease_table import LeaseLost
from services.analytics.leases import SHARD_END, Lease
from services.analytics.loading import Batch
from services.analytics.stream import Reading, Record, is_expired
from services.analytics.warehouse import EpochPassed
from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.errors import AwsError
from services.chassis.background import backoff_s, rest

BUSY_S: Final = 0.5
"""Between two reads while records come: how long a batch gathers."""
IDLE_S: Final = 1.0
BEHIND_S: Final = 0.2
"""Between two reads while there is more: a shard answers five a second, to all its readers together."""
BACKOFF_S: Final = 0.1
BACKOFF_MAX_S: Final = 5.0

_log = logging.getLogger(__name__)

T = TypeVar("T")


class Stream(Protocol):
    """Where records come from. Raises `AwsError`."""

    async def iterator(self, shard: str, checkpoint: str) -> str | None: ...
    async def read(self, iterator: str) -> Reading: ...


class Sink(Protocol):
    """Where they go to. Raises `AwsError`, `WarehouseAway`, `EpochPassed`."""

    async def open(self, shard: str) -> None: ...
    async def take(self, shard: str, epoch: int, records: Sequence[Record]) -> Batch: ...


class Checkpoints(Protocol):
    """Where it is noted how far a shard is done. Raises `AwsError`, `LeaseLost`."""

    async def checkpoint(self, lease: Lease, checkpoint: str) -> None: ...


class Stopped(Exception):
    """A step was given up on because the worker stops; whoever takes the shard next does it again."""


@dataclass(slots=True)
class Progress:
    """How far a shard is. `behind_s`: how far Kinesis says the tip is away. `batch_at`, Unix seconds, 0: never."""

    checkpoint: str
    behind_s: float = 0.0
    batch_at: float = 0.0
    rows: int = 0
    failures: int = 0


class Consumer:
    """The reading of one shard. `on_batch` hears of every batch that is in the warehouse."""

    def __init__(
        self, lease: Lease, stream: Stream, sink: Sink, checkpoints: Checkpoints, on_batch: Callable[[Batch], None]
    ) -> None:
        self._lease = lease
        self._stream = stream
        self._sink = sink
        self._checkpoints = checkpoints
        self._on_batch = on_batch
        self._stopping = asyncio.Event()
        self.progress = Progress(lease.checkpoint)

    def stop(self) -> None:
        """Finish the batch, then let `run` return."""
        self._stopping.set()

    async def run(self) -> None:
        """Read until stopped, or to the end of a closed shard. `LeaseLost`: it is another worker's now."""
        try:
            await self._read_on()
        except EpochPassed as passed:
            raise LeaseLost(self._lease.shard) from passed
        except Stopped:
            return

    async def _read_on(self) -> None:
        shard = self._lease.shard
        await self._again(lambda: self._sink.open(shard))
        iterator = await self._again(self._iterator)
        while iterator is not None and not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            place = iterator
            reading = await self._again(lambda: self._read(place))  # noqa: B023 - awaited before `place` changes
            self.progress.behind_s = reading.behind_s
            if reading.records:
                await self._take(reading.records)
            iterator = reading.next
            await self._pause(began, reading)
        if iterator is None:
            await self._checkpoint(SHARD_END)

    async def _iterator(self) -> str | None:
        return await self._stream.iterator(self._lease.shard, self.progress.checkpoint)

    async def _read(self, iterator: str) -> Reading:
        """One read; an iterator that grew too old, for the warehouse was away, is replaced."""
        try:
            return await self._stream.read(iterator)
        except AwsError as error:
            if not is_expired(error):
                raise
        anew = await self._iterator()
        return await self._stream.read(anew) if anew else Reading(records=(), next=None, behind_s=0.0)

    async def _take(self, records: Sequence[Record]) -> None:
        lease = self._lease
        batch = await self._again(lambda: self._sink.take(lease.shard, lease.epoch, records))
        await self._checkpoint(records[-1].sequence)
        self.progress.batch_at, self.progress.rows = time.time(), self.progress.rows + batch.rows
        self._on_batch(batch)

    async def _checkpoint(self, checkpoint: str) -> None:
        await self._again(lambda: self._checkpoints.checkpoint(self._lease, checkpoint))
        self.progress.checkpoint = checkpoint

    async def _pause(self, began: float, reading: Reading) -> None:
        length = BEHIND_S if reading.behind_s > 0 else BUSY_S if reading.records else IDLE_S
        await rest(began + length - asyncio.get_running_loop().time(), until=self._stopping)

    async def _again(self, step: Callable[[], Awaitable[T]]) -> T:
        """`step` until it succeeds. `Stopped` where it fails after the worker was asked to stop."""
        while True:
            try:
                result = await step()
            except (AwsError, WarehouseAway) as error:
                self._failed(error)
                if self._stopping.is_set():
                    raise Stopped from error
                pause = backoff_s(self.progress.failures, first_s=BACKOFF_S, most_s=BACKOFF_MAX_S)
                await rest(pause, until=self._stopping)
            else:
                self.progress.failures = 0
                return result

    def _failed(self, error: Exception) -> None:
        progress = self.progress
        progress.failures = min(progress.failures + 1, 20)
        if progress.failures in (1, 10):
            _log.warning(
                "the shard waits",
                extra={"shard": self._lease.shard, "failures": progress.failures, "error": str(error)},
            )
