"""The two ways to keep an order: the right one, with the outbox, and the naive one that the chaos suites must catch."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Final

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller, Json
from services.order.domain import Order
from services.order.outbox.channels import Channel
from services.order.outbox.table import Row
from services.order.store import OrderTable, Placed, order_item

_log = logging.getLogger(__name__)


class OutboxBook:
    """Answers once order and outbox row are in the table together; the relay hears of it at once."""

    def __init__(self, orders: OrderTable, offer: Callable[[Row], None]) -> None:
        self._orders = orders
        self._offer = offer

    async def place(self, order: Order, fingerprint: str) -> Placed:
        placed = await self._orders.place(order, fingerprint)
        if not placed.is_replay:
            self._offer(Row.of(order))
        return placed

    async def earlier(self, key: str, fingerprint: str) -> Placed | None:
        return await self._orders.earlier(key, fingerprint)

    async def find(self, order_id: str) -> Order | None:
        return await self._orders.find(order_id)


FLUSH_AT: Final = 100
"""The naive book notifies the platform of so many orders at a time, and never of fewer."""


class MemoryBook:
    """Answers first, writes after, and publishes from memory in full batches: quick, and wrong in four ways.

    A write that fails after the answer is a lost order; so is what memory holds when the process dies; a batch that is
    never filled is never sent; and a key is remembered by this task alone. Only without resilience.
    """

    def __init__(self, orders: OrderTable, dynamodb: Caller, table: str, channels: tuple[Channel, ...]) -> None:
        self._orders = orders
        self._dynamodb = dynamodb
        self._table = table
        self._channels = channels
        self._keys: dict[str, str] = {}
        self._unpublished: list[Row] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def place(self, order: Order, fingerprint: str) -> Placed:
        if order.idempotency_key is not None:
            first = self._keys.setdefault(order.idempotency_key, order.order_id)
            if first != order.order_id:
                return Placed(order_id=first, is_replay=True)
        self._later(self._write(order))
        self._unpublished.append(Row.of(order))
        if len(self._unpublished) >= FLUSH_AT:
            rows, self._unpublished = self._unpublished, []
            self._later(self._publish(rows))
        return Placed(order_id=order.order_id)

    async def earlier(self, key: str, fingerprint: str) -> Placed | None:
        return Placed(order_id=self._keys[key], is_replay=True) if key in self._keys else None

    async def find(self, order_id: str) -> Order | None:
        return await self._orders.find(order_id)

    def _later(self, work: Coroutine[object, object, None]) -> None:
        task = asyncio.create_task(self._carelessly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carelessly(self, work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except AwsError as error:
            _log.error("an order that was acknowledged is lost", extra={"error": str(error)})

    async def _write(self, order: Order) -> None:
        parameters: Json = {"TableName": self._table, "Item": order_item(order)}
        await self._dynamodb.call("PutItem", parameters)

    async def _publish(self, rows: list[Row]) -> None:
        for channel in self._channels:
            for start in range(0, len(rows), channel.batch):
                await channel.send(rows[start : start + channel.batch])
