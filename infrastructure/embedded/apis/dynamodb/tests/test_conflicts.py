"""Transactions that meet at an item, and writes that meet a transaction."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infrastructure.embedded.apis.dynamodb.conflicts import Conflicts
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.tests.control import Control, call, run, table

MINE, OTHER = {"id": {"S": "mine"}}, {"id": {"S": "other"}}


def _add(key: dict[str, Any], name: str = "t") -> dict[str, Any]:
    one = {"ExpressionAttributeValues": {":one": {"N": "1"}}}
    return {"Update": {"TableName": name, "Key": key, "UpdateExpression": "ADD n :one", **one}}


class Cloud:
    """Two tables; `under_way` holds a transaction on the item `mine` of the table `t` before its end."""

    def __init__(self) -> None:
        self.control = Control(interceptors=())
        self.conflicts = Conflicts(self.control.backends)
        self.begun, self.goes_on = asyncio.Event(), asyncio.Event()

    async def make(self) -> "Cloud":
        for name in ("t", "u"):
            await self.control.ask("dynamodb", "CreateTable", **table(name))
        return self

    async def ask(self, action: str, **members: Any) -> tuple[int, Any]:
        answer = await self.conflicts(call("dynamodb", action, members), self.control.plane.handle)
        return answer.status, json.loads(answer.body)

    @asynccontextmanager
    async def under_way(self, *items: dict[str, Any]) -> AsyncIterator[None]:
        async def held(asked: Call) -> Answer:
            self.begun.set()
            await self.goes_on.wait()
            return await self.control.plane.handle(asked)

        members = {"TransactItems": list(items or (_add(MINE),))}
        transaction = asyncio.create_task(self.conflicts(call("dynamodb", "TransactWriteItems", members), held))
        await self.begun.wait()
        try:
            yield
        finally:
            self.goes_on.set()
            assert (await transaction).is_success

    async def count(self, key: dict[str, Any], name: str = "t") -> str:
        found = await self.control.ask("dynamodb", "GetItem", TableName=name, Key=key)
        return str(found.get("Item", {}).get("n", {}).get("N", "0"))

    def conflicts_of(self, name: str) -> int:
        usage = self.control.backends.capacity.drain().get(name)
        return usage.conflicts if usage is not None else 0


def test_a_transaction_on_an_item_of_another_one_is_cancelled_with_the_reason_at_its_place() -> None:
    async def scenario() -> None:
        cloud = await Cloud().make()
        async with cloud.under_way():
            status, body = await cloud.ask("TransactWriteItems", TransactItems=[_add(OTHER), _add(MINE)])
            assert (status, body["__type"].rpartition("#")[2]) == (400, "TransactionCanceledException")
            assert [each["Code"] for each in body["CancellationReasons"]] == ["None", "TransactionConflict"]
            assert body["message"].endswith("[None, TransactionConflict]")
            assert cloud.conflicts_of("t") == 1
        assert (await cloud.count(MINE), await cloud.count(OTHER)) == ("1", "0")
        assert (await cloud.ask("TransactWriteItems", TransactItems=[_add(MINE)]))[0] == 200

    run(scenario())


def test_transactions_on_other_items_go_on_side_by_side() -> None:
    async def scenario() -> None:
        cloud = await Cloud().make()
        async with cloud.under_way():
            for items in ([_add(OTHER)], [_add(MINE, "u")]):
                assert (await cloud.ask("TransactWriteItems", TransactItems=items))[0] == 200

    run(scenario())


def test_a_transactional_read_conflicts_and_a_plain_one_sees_what_was_before() -> None:
    async def scenario() -> None:
        cloud = await Cloud().make()
        async with cloud.under_way():
            reads = [{"Get": {"TableName": "t", "Key": MINE}}]
            status, body = await cloud.ask("TransactGetItems", TransactItems=reads)
            assert (status, body["CancellationReasons"][0]["Code"]) == (400, "TransactionConflict")
            assert await cloud.ask("GetItem", TableName="t", Key=MINE) == (200, {})

    run(scenario())


@pytest.mark.parametrize(
    ("action", "members"),
    [
        ("PutItem", {"Item": {**MINE, "other": {"S": "x"}}}),
        ("UpdateItem", {"Key": MINE}),
        ("DeleteItem", {"Key": MINE}),
    ],
)
def test_a_write_of_an_item_in_a_transaction_is_refused(action: str, members: dict[str, Any]) -> None:
    async def scenario() -> None:
        cloud = await Cloud().make()
        async with cloud.under_way():
            status, body = await cloud.ask(action, TableName="t", **members)
            assert (status, body["__type"].rpartition("#")[2]) == (400, "TransactionConflictException")
        assert (await cloud.ask(action, TableName="t", **members))[0] == 200

    run(scenario())


def test_a_batch_leaves_what_a_transaction_holds_unprocessed() -> None:
    async def scenario() -> None:
        cloud = await Cloud().make()
        requests = [{"PutRequest": {"Item": OTHER}}, {"DeleteRequest": {"Key": MINE}}]
        async with cloud.under_way():
            for asked, left in ((requests, requests[1:]), (requests[1:], requests[1:])):
                status, body = await cloud.ask("BatchWriteItem", RequestItems={"t": asked})
                assert (status, body["UnprocessedItems"]) == (200, {"t": left})
        assert await cloud.count(MINE) == "1"
        assert (await cloud.ask("GetItem", TableName="t", Key=OTHER))[1] == {"Item": OTHER}

    run(scenario())


def test_a_transaction_takes_as_long_as_the_pace_says() -> None:
    async def scenario() -> None:
        cloud = await Cloud().make()
        cloud.control.backends.capacity.transaction_s = 60.0
        first = asyncio.create_task(cloud.ask("TransactWriteItems", TransactItems=[_add(MINE)]))
        await asyncio.sleep(0)
        status, body = await cloud.ask("TransactWriteItems", TransactItems=[_add(MINE)])
        assert (status, body["CancellationReasons"][0]["Code"]) == (400, "TransactionConflict")
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        cloud.control.backends.capacity.transaction_s = 0.0
        assert (await cloud.ask("TransactWriteItems", TransactItems=[_add(MINE)]))[0] == 200
        assert await cloud.count(MINE) == "1"

    run(scenario())
