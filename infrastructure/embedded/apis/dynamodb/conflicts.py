"""A transaction takes its time, and who wants one of its items meanwhile conflicts with it.

Another transaction is cancelled with the reason at the item's place, a single write refused, an item of a batch left
unprocessed; reads outside of transactions see what was before. Source: Amazon DynamoDB Developer Guide, "Transaction
conflict handling in DynamoDB".
"""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from infrastructure.embedded.apis.dynamodb.cancelled import PREFIX, cancelled, changed
from infrastructure.embedded.apis.dynamodb.touched import Touched, name_of, touched_by
from infrastructure.embedded.gateway.api import names
from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.errors import error

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

CONFLICT = "TransactionConflict"
_TEXT = "Transaction is ongoing for the item"
_ITEMS = names("BatchWriteItem DeleteItem PutItem TransactGetItems TransactWriteItems UpdateItem")
Key = tuple[str, bytes]
"""A table and an item's key in it."""


class Conflicts:
    """Knows the items of the transactions under way."""

    service: ClassVar[str] = "dynamodb"

    def __init__(self, backends: "Backends") -> None:
        self._backends = backends
        self._open: set[Key] = set()

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        if call.action not in _ITEMS:
            return await handle(call)
        if call.action == "TransactWriteItems":
            return await self._transact(call, handle)
        if not self._open:
            return await handle(call)
        contended = [self._key(each) in self._open for each in touched_by(call)]
        if not any(contended):
            return await handle(call)
        if call.action == "BatchWriteItem":
            return await self._pass_some(call, handle)
        return self._refusal(call, contended)

    async def _transact(self, call: Call, handle: Handler) -> Answer:
        keys = [self._key(each) for each in touched_by(call)]
        if any(key in self._open for key in keys):
            return self._refusal(call, [key in self._open for key in keys])
        mine = set(keys)
        self._open |= mine
        try:
            await asyncio.sleep(self._backends.capacity.transaction_s)
            return await handle(call)
        finally:
            self._open -= mine

    async def _pass_some(self, call: Call, handle: Handler) -> Answer:
        """Pass on what no transaction holds, and give back the rest as unprocessed."""
        free: dict[str, list[Any]] = {}
        held: dict[str, list[Any]] = {}
        for table, request in _requests(call):
            [each] = touched_by(replace(call, parameters={"RequestItems": {table: [request]}}))
            (held if self._key(each) in self._open else free).setdefault(table, []).append(request)
        for table in held:
            self._count(name_of(table))
        if not free:
            body = orjson.dumps({"UnprocessedItems": held})
            return Answer(status=200, headers={"content-type": "application/x-amz-json-1.0"}, body=body)
        parameters = {**call.parameters, "RequestItems": free}
        request = replace(call.request, body=orjson.dumps(parameters))
        answer = await handle(replace(call, parameters=parameters, request=request))
        if not answer.is_success:
            return answer
        body = orjson.loads(answer.body)
        unprocessed = body.get("UnprocessedItems", {})
        for table, requests in held.items():
            unprocessed[table] = [*unprocessed.get(table, ()), *requests]
        return changed(answer, {**body, "UnprocessedItems": unprocessed})

    def _refusal(self, call: Call, contended: list[bool]) -> Answer:
        for each, is_contended in zip(touched_by(call), contended, strict=True):
            if is_contended:
                self._count(each.table)
        if call.action.startswith("Transact"):
            return cancelled(call, contended, CONFLICT, _TEXT)
        return error(call, f"{PREFIX}{CONFLICT}Exception", _TEXT)

    def _count(self, table: str) -> None:
        self._backends.capacity.conflicted(table)

    def _key(self, each: Touched) -> Key:
        """By the table's key attributes alone; of a table that is not there by all that is given."""
        record = self._backends.dynamodb.tables.get(each.table)
        attributes = record.table_key_attrs if record is not None else sorted(each.key)
        return each.table, orjson.dumps([each.key.get(name) for name in attributes])


def _requests(call: Call) -> Iterator[tuple[str, Any]]:
    for table, requests in call.parameters["RequestItems"].items():
        for request in requests:
            yield table, request
