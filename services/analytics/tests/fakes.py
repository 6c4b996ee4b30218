"""A lease table, a stream and a warehouse in memory, which can be away, and which several workers share."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from services.analytics.domain import Poison, read
from services.analytics.lease_table import LeaseLost
from services.analytics.leases import SHARD_END, TRIM_HORIZON, Lease
from services.analytics.loading import Batch
from services.analytics.stream import Reading, Record
from services.analytics.warehouse import EpochPassed
from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.errors import AwsError

AT = 1_795_000_000.0


def paid(number: int, **changes: object) -> bytes:
    event = {
        "type": "order_paid",
        "order_id": f"order-{number}",
        "customer_id": f"customer-{number % 7}",
        "store_id": "store-001",
        "total_amount": f"{number + 1}.50",
        "authorization_id": f"authorization-{number}",
        "correlation_id": f"correlation-{number}",
        "at": AT,
    }
    return json.dumps({**event, **changes}).encode()


def away(operation: str) -> AwsError:
    return AwsError(operation=operation, code="ServiceUnavailable", message="not now", status=503)


@dataclass
class Table:
    """The rows that all workers see."""

    rows: dict[str, Lease] = field(default_factory=dict)
    is_away: bool = False


@dataclass
class Leases:
    """The table as worker `me` uses it."""

    table: Table
    me: str
    is_dead: bool = False

    def _look(self) -> dict[str, Lease]:
        if self.table.is_away or self.is_dead:
            raise away("Scan")
        return self.table.rows

    async def read(self) -> dict[str, Lease]:
        return dict(self._look())

    async def create(self, lease: Lease) -> None:
        self._look().setdefault(lease.shard, lease)

    async def delete(self, lease: Lease) -> None:
        self._look().pop(lease.shard, None)

    async def take(self, lease: Lease) -> Lease | None:
        rows = self._look()
        if rows[lease.shard].counter != lease.counter:
            return None
        rows[lease.shard] = replace(lease, owner=self.me, counter=lease.counter + 1, epoch=lease.epoch + 1)
        return rows[lease.shard]

    def _mine(self, lease: Lease) -> Lease:
        row = self._look().get(lease.shard)
        if row is None or (row.owner, row.epoch) != (self.me, lease.epoch):
            raise LeaseLost(lease.shard)
        return row

    async def renew(self, lease: Lease) -> Lease:
        row = self._mine(lease)
        self.table.rows[lease.shard] = replace(row, counter=row.counter + 1)
        return self.table.rows[lease.shard]

    async def checkpoint(self, lease: Lease, checkpoint: str) -> None:
        self.table.rows[lease.shard] = replace(self._mine(lease), checkpoint=checkpoint)

    async def release(self, lease: Lease) -> None:
        row = self._look()[lease.shard]
        if (row.owner, row.epoch) == (self.me, lease.epoch):
            self.table.rows[lease.shard] = replace(row, owner=None, counter=row.counter + 1)


@dataclass
class Stream:
    """Shards of records, numbered from 1; `closed` ones end. A read gives up to `page` records."""

    held: dict[str, list[bytes]] = field(default_factory=dict)
    parents: dict[str, frozenset[str]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    page: int = 3
    is_away: bool = False
    expire_next: bool = False
    reads: list[str] = field(default_factory=list)

    async def shards(self) -> dict[str, frozenset[str]]:
        return {shard: self.parents.get(shard, frozenset()) for shard in self.held}

    async def iterator(self, shard: str, checkpoint: str) -> str | None:
        if checkpoint == SHARD_END:
            return None
        return f"{shard}:{0 if checkpoint == TRIM_HORIZON else int(checkpoint)}"

    async def read(self, iterator: str) -> Reading:
        if self.is_away:
            raise away("GetRecords")
        if self.expire_next:
            self.expire_next = False
            raise AwsError(operation="GetRecords", code="ExpiredIteratorException", message="old", status=400)
        shard, _, place = iterator.partition(":")
        self.reads.append(shard)
        first = int(place)
        found = self.held[shard][first : first + self.page]
        last = first + len(found)
        is_over = shard in self.closed and last == len(self.held[shard])
        left = len(self.held[shard]) - last
        records = tuple(Record(sequence=str(first + n + 1), data=data, arrived_at=AT) for n, data in enumerate(found))
        return Reading(records=records, next=None if is_over else f"{shard}:{last}", behind_s=float(left))


@dataclass
class Warehouse:
    """Rows by order, as often as they were inserted; a load takes `takes_s`."""

    rows: list[tuple[str, int]] = field(default_factory=list)
    epochs: dict[str, int] = field(default_factory=dict)
    poison: list[str] = field(default_factory=list)
    is_away: bool = False
    takes_s: float = 0.1
    loads: int = 0

    async def open(self, shard: str) -> None:
        self.epochs.setdefault(shard, 0)

    async def take(self, shard: str, epoch: int, records: Sequence[Record]) -> Batch:
        await asyncio.sleep(self.takes_s)
        if self.is_away:
            raise WarehouseAway("the cluster is paused")
        if self.epochs[shard] > epoch:
            raise EpochPassed(shard)
        self.epochs[shard] = epoch
        self.loads += 1
        known, new, poison = {order for order, _ in self.rows}, 0, 0
        for record in records:
            try:
                sale = read(record.data)
            except Poison as reason:
                self.poison.append(str(reason))
                poison += 1
                continue
            if sale is not None and sale.order_id not in known:
                self.rows.append((sale.order_id, sale.amount_cents))
                new += 1
        return Batch(sales=new, rows=new, poison=poison, seconds=self.takes_s, lags=())


@dataclass
class Mortal:
    """The warehouse as a worker uses it that may die: what it has asked for happens, but it never learns of it."""

    warehouse: Warehouse
    leases: Leases

    async def open(self, shard: str) -> None:
        await self._unless_dead()
        await self.warehouse.open(shard)

    async def take(self, shard: str, epoch: int, records: Sequence[Record]) -> Batch:
        await self._unless_dead()
        batch = await asyncio.shield(self.warehouse.take(shard, epoch, records))
        await self._unless_dead()
        return batch

    async def _unless_dead(self) -> None:
        if self.leases.is_dead:
            await asyncio.get_running_loop().create_future()
