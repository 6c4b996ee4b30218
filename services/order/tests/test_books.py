"""What the outbox is for: the same accidents, with it and without it."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.aws.tests.refusals import throttled
from services.order.books import FLUSH_AT, MemoryBook, OutboxBook
from services.order.domain import Draft, Order, OrderLine
from services.order.outbox.table import Row
from services.order.store import OrderTable, Placed


class Table:
    """DynamoDB that takes everything, or fails with `error`."""

    def __init__(self) -> None:
        self.operations: list[str] = []
        self.error: AwsError | None = None

    async def call(self, operation: str, parameters: Json) -> Json:
        if self.error is not None:
            raise self.error
        self.operations.append(operation)
        return {}


class Sent:
    """A channel that takes everything."""

    batch = 10

    def __init__(self) -> None:
        self.rows: list[Row] = []

    async def send(self, rows: Sequence[Row]) -> set[str]:
        self.rows += rows
        return {row.order_id for row in rows}


def order(number: int) -> Order:
    draft = Draft(store_id="store-001", customer_id="c", lines=(OrderLine(item_id="i", quantity=1),), total_cents=100)
    return Order(order_id=f"01{number:024d}", draft=draft, status="accepted", placed_at=1.0, correlation_id="c")


THROTTLED = throttled("Put")


def test_with_an_outbox_a_failed_write_is_a_failed_order() -> None:
    table, offered = Table(), list[Row]()
    table.error = THROTTLED
    book = OutboxBook(OrderTable(table, orders="o", outbox="x"), offered.append)
    with pytest.raises(AwsError):
        asyncio.run(book.place(order(1), "f"))
    assert offered == []


def test_with_an_outbox_one_transaction_holds_all_and_the_relay_is_told() -> None:
    table, offered = Table(), list[Row]()
    asyncio.run(OutboxBook(OrderTable(table, orders="o", outbox="x"), offered.append).place(order(1), "f"))
    assert table.operations == ["TransactWriteItems"]
    assert offered == [Row.of(order(1))]


def test_without_resilience_a_failed_write_is_an_acknowledged_order_that_is_lost() -> None:
    async def place() -> bool:
        table = Table()
        table.error = THROTTLED
        book = MemoryBook(OrderTable(table, orders="o", outbox="x"), table, "o", (Sent(),))
        placed = await book.place(order(1), "f")
        await asyncio.gather(*book._tasks)
        return bool(placed.order_id) and not table.operations

    assert asyncio.run(place())


def test_without_resilience_an_unfilled_batch_is_never_sent() -> None:
    async def place(count: int) -> int:
        table, queue = Table(), Sent()
        book = MemoryBook(OrderTable(table, orders="o", outbox="x"), table, "o", (queue,))
        for number in range(count):
            await book.place(order(number), "f")
        await asyncio.gather(*book._tasks)
        return len(queue.rows)

    assert asyncio.run(place(FLUSH_AT - 1)) == 0
    assert asyncio.run(place(FLUSH_AT + 7)) == FLUSH_AT


def test_without_resilience_a_key_is_remembered_by_its_task() -> None:
    async def twice() -> list[Placed]:
        table, queue = Table(), Sent()
        book = MemoryBook(OrderTable(table, orders="o", outbox="x"), table, "o", (queue,))
        placed = [await book.place(replace(order(number), idempotency_key="k"), "f") for number in (1, 2)]
        await asyncio.gather(*book._tasks)
        assert table.operations == ["PutItem"]
        return placed

    first = order(1).order_id
    assert asyncio.run(twice()) == [Placed(order_id=first), Placed(order_id=first, is_replay=True)]
