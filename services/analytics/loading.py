"""From records of a shard to rows: what is poison is set aside, the rest goes through S3 into the warehouse."""

import base64
import json
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from services.analytics.domain import Poison, Sale, once_each, read, to_csv
from services.analytics.statements import Load
from services.analytics.stream import Record
from services.chassis.aws.objects import Files, forget
from services.chassis.web import correlation

ROWS: Final = "revenue"
SET_ASIDE: Final = "poison"
"""Prefixes of the bucket: rows on their way, and records that can never become one."""

_log = logging.getLogger(__name__)


class Revenue(Protocol):
    """The warehouse. Raises `WarehouseAway`, `EpochPassed`."""

    async def open(self, shard: str) -> None: ...
    async def load(self, load: Load) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What became of some records: sales among them, rows that were new, poison, and seconds from payment to row."""

    sales: int
    rows: int
    poison: int
    seconds: float
    lags: tuple[float, ...]


class Loader:
    """Takes a shard's records in batches. `role` is whom the warehouse reads the bucket as."""

    def __init__(self, files: Files, revenue: Revenue, *, role: str, clock: Callable[[], float] = time.time) -> None:
        self._files = files
        self._revenue = revenue
        self._role = role
        self._clock = clock

    async def open(self, shard: str) -> None:
        """Before the first batch of a shard; `WarehouseAway`."""
        await self._revenue.open(shard)

    async def take(self, shard: str, epoch: int, records: Sequence[Record]) -> Batch:
        """All of `records`, one at least, are dealt with when this returns; the same again changes nothing.

        `AwsError`, `WarehouseAway`: some may not be, ask again. `EpochPassed`: they are another worker's.
        """
        began = self._clock()
        sales, poison = [], 0
        for record in records:
            try:
                sale = read(record.data)
            except Poison as reason:
                await self._set_aside(shard, record, str(reason))
                poison += 1
            else:
                sales += [sale] if sale is not None else []
        found = once_each(sales)
        rows = await self._load(shard, epoch, records[-1].sequence, found) if found else 0
        now = self._clock()
        for sale in found:
            with correlation.bound(sale.correlation_id):
                _log.info("revenue loaded", extra={"order_id": sale.order_id, "shard": shard})
        return Batch(
            sales=len(found),
            rows=rows,
            poison=poison,
            seconds=now - began,
            lags=tuple(max(now - sale.paid_at, 0.0) for sale in found),
        )

    async def _load(self, shard: str, epoch: int, last: str, sales: Sequence[Sale]) -> int:
        key = f"{ROWS}/{shard}/{epoch}-{last}.csv"
        await self._files.put(key, to_csv(sales))
        load = Load(shard=shard, epoch=epoch, last=last, url=f"s3://{self._files.bucket}/{key}", role=self._role)
        rows = await self._revenue.load(load)
        await forget(self._files, key)
        return rows

    async def _set_aside(self, shard: str, record: Record, reason: str) -> None:
        _log.error("a record is set aside", extra={"shard": shard, "sequence": record.sequence, "reason": reason})
        document = {
            "shard": shard,
            "sequence": record.sequence,
            "arrived_at": record.arrived_at,
            "reason": reason,
            "data": base64.b64encode(record.data).decode(),
        }
        await self._files.put(f"{SET_ASIDE}/{shard}/{record.sequence}.json", json.dumps(document).encode())
