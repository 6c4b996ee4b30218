"""A consumer without a thought for failure: only to prove that the chaos suites notice.

It notes a record as done when it has read it, gathers in memory until a batch is full, and loads that once.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from services.analytics.consumer import Checkpoints, Progress, Sink, Stream
from services.analytics.leases import SHARD_END, Lease
from services.analytics.loading import Batch
from services.analytics.stream import Record
from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.errors import AwsError

READ_S: Final = 0.5
READS: Final = 6
"""Reads whose records make a batch."""

_log = logging.getLogger(__name__)


class HastyConsumer:
    """`Consumer`'s place, without its order of things."""

    def __init__(
        self, lease: Lease, stream: Stream, sink: Sink, checkpoints: Checkpoints, on_batch: Callable[[Batch], None]
    ) -> None:
        self._lease = lease
        self._stream = stream
        self._sink = sink
        self._checkpoints = checkpoints
        self._on_batch = on_batch
        self.progress = Progress(lease.checkpoint)

    def stop(self) -> None:
        """Nobody waits for anything."""

    async def run(self) -> None:
        """Read to the end of the shard; the first failure loses what it met."""
        lease, held, reads = self._lease, list[Record](), 0
        await self._sink.open(lease.shard)
        iterator = await self._stream.iterator(lease.shard, lease.checkpoint)
        while iterator is not None:
            reading = await self._stream.read(iterator)
            iterator, reads = reading.next, reads + 1
            if reading.records:
                held += reading.records
                await self._checkpoints.checkpoint(lease, reading.records[-1].sequence)
            if held and (reads % READS == 0 or iterator is None):
                await self._load(held)
                held = []
            await asyncio.sleep(READ_S)
        await self._checkpoints.checkpoint(lease, SHARD_END)

    async def _load(self, records: list[Record]) -> None:
        try:
            self._on_batch(await self._sink.take(self._lease.shard, self._lease.epoch, records))
        except (AwsError, WarehouseAway) as error:
            _log.warning("a batch is lost", extra={"records": len(records), "error": str(error)})
