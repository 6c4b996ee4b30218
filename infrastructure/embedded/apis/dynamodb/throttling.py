"""DynamoDB's provisioned throughput: a request to a table without credit is refused as AWS refuses it.

Single operations get ProvisionedThroughputExceededException; a transaction is cancelled with the reason at the place of
each item concerned; a batch comes back with the items of such tables unprocessed, unless that is all of them.
Sources: Amazon DynamoDB API Reference (TransactWriteItems, BatchWriteItem), Developer Guide "Capacity unit
consumption": transactions cost double, a write as much as the larger of the item before and after.
A Query or Scan counts the mean size of its first items for each item scanned,
1 KB where its filter lets nothing through.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from infrastructure.embedded.apis.dynamodb.cancelled import PREFIX, cancelled, changed
from infrastructure.embedded.apis.dynamodb.capacity import Kind, attributes_size, read_units, write_units
from infrastructure.embedded.apis.dynamodb.touched import Touched, Wire, members_of, name_of, touched_by
from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.errors import error

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

EXCEEDED = "ProvisionedThroughputExceededException"
MESSAGE = (
    "The level of configured provisioned throughput for the table was exceeded. "
    "Consider increasing your provisioning level with the UpdateTable API."
)
SAMPLE = 100
_CONDITION_FAILED = b"ConditionalCheckFailed"
"""What stands in the refusal of a write whose condition does not hold: it consumes as one that is done."""
_READS = "BatchGetItem GetItem Query Scan TransactGetItems"
_WRITES = "BatchWriteItem DeleteItem PutItem TransactWriteItems UpdateItem"
_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(_READS.split(), "read"),
    **dict.fromkeys(_WRITES.split(), "write"),
}


class Throttling:
    """Refuses what a table has no credit for, and charges what it lets through."""

    service: ClassVar[str] = "dynamodb"

    def __init__(self, backends: "Backends", *, clock: Callable[[], float] = time.monotonic) -> None:
        self._backends = backends
        self._clock = clock

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        kind = _KINDS.get(call.action)
        if kind is None:
            return await handle(call)
        touched = tuple(touched_by(call))
        starved = {name for name in {each.table for each in touched} if not self._has_credit(name, kind)}
        for name in starved:
            self._backends.capacity.throttled(name, kind, call.action)
        if not starved:
            return await self._pass(call, handle, kind, touched)
        if call.action.startswith("Batch") and len(starved) < len({each.table for each in touched}):
            return await self._pass_some(call, handle, kind, touched, starved)
        return _refusal(call, touched, starved)

    async def _pass(self, call: Call, handle: Handler, kind: Kind, touched: tuple[Touched, ...]) -> Answer:
        before = [self._size(each) for each in touched] if kind == "write" else []
        answer = await handle(call)
        if not answer.is_success and not (kind == "write" and _CONDITION_FAILED in answer.body):
            return answer
        factor = 2.0 if call.action.startswith("Transact") else 1.0
        used = self._written(touched, before) if kind == "write" else self._read(call, touched, answer)
        charged: dict[str, float] = {}
        for name, units in used:
            self._charge(name, kind, factor * units)
            charged[name] = charged.get(name, 0.0) + factor * units
        return _telling(call, answer, kind, charged)

    def _written(self, touched: tuple[Touched, ...], before: list[int]) -> Iterator[tuple[str, float]]:
        """Units by table: as many as the larger of the item before and after takes."""
        for each, old in zip(touched, before, strict=True):
            yield each.table, write_units(max(old, self._size(each)))

    def _read(self, call: Call, touched: tuple[Touched, ...], answer: Answer) -> Iterator[tuple[str, float]]:
        """Units by table: of each item that was asked for, whatever of it was answered, and also if there is none."""
        if call.action in ("Query", "Scan"):
            scanned = _scanned(orjson.loads(answer.body))
            yield touched[0].table, read_units(scanned, is_consistent=touched[0].is_consistent)
        else:
            for each in touched:
                yield each.table, read_units(self._size(each), is_consistent=each.is_consistent)

    async def _pass_some(
        self, call: Call, handle: Handler, kind: Kind, touched: tuple[Touched, ...], starved: set[str]
    ) -> Answer:
        """Pass on the part of a batch that has credit, and give back the rest as unprocessed."""
        asked: dict[str, Any] = dict(members_of(call.parameters, "RequestItems"))
        left = {name: asked.pop(name) for name in tuple(asked) if name_of(name) in starved}
        parameters = {**call.parameters, "RequestItems": asked}
        request = replace(call.request, body=orjson.dumps(parameters))
        part = replace(call, parameters=parameters, request=request)
        answer = await self._pass(part, handle, kind, tuple(each for each in touched if each.table not in starved))
        if not answer.is_success:
            return answer
        unprocessed = "UnprocessedKeys" if kind == "read" else "UnprocessedItems"
        body = orjson.loads(answer.body)
        return changed(answer, {**body, unprocessed: {**body.get(unprocessed, {}), **left}})

    def _has_credit(self, table: str, kind: Kind) -> bool:
        rate = self._rate(table, kind)
        return self._backends.capacity.has_credit(table, kind, rate=rate, now=self._clock())

    def _charge(self, table: str, kind: Kind, units: float) -> None:
        self._backends.capacity.charge(table, kind, units, rate=self._rate(table, kind), now=self._clock())

    def _rate(self, table: str, kind: Kind) -> float | None:
        """Units a second the table provides; None on demand, and for a table that moto will say is not there."""
        record = self._backends.dynamodb.tables.get(table)
        if record is None or record.billing_mode == "PAY_PER_REQUEST":
            return None
        return float(record.throughput["ReadCapacityUnits" if kind == "read" else "WriteCapacityUnits"])

    def _size(self, each: Touched) -> int:
        """Bytes of the item as it is stored now; 0 when there is none."""
        record = self._backends.dynamodb.tables.get(each.table)
        if record is None:
            return 0
        try:
            found = self._backends.dynamodb.get_item(each.table, each.key)
        except Exception:  # noqa: BLE001  # a malformed key: moto answers the call itself with the error AWS gives
            return 0
        return int(found.size()) if found is not None else 0


def _telling(call: Call, answer: Answer, kind: Kind, charged: Mapping[str, float]) -> Answer:
    """The answer with what the call consumed, if it asked for that. What indexes consume is not metered."""
    asked = call.parameters.get("ReturnConsumedCapacity", "NONE")
    if asked == "NONE" or not answer.is_success:
        return answer
    side = "ReadCapacityUnits" if kind == "read" else "WriteCapacityUnits"
    consumed = []
    for name, units in charged.items():
        told: dict[str, object] = {"TableName": name, "CapacityUnits": units}
        if call.action.startswith("Transact"):
            told[side] = units
        consumed.append(told if asked == "TOTAL" else {**told, "Table": {"CapacityUnits": units}})
    is_of_one = not call.action.startswith(("Batch", "Transact"))
    return changed(answer, {**orjson.loads(answer.body), "ConsumedCapacity": consumed[0] if is_of_one else consumed})


def _scanned(body: Wire) -> int:
    """Bytes a Query or Scan looked at: what it gave back, and as much for each item that its filter left out."""
    items = body.get("Items", ())
    sizes = [attributes_size(item) for item in items[:SAMPLE]]
    mean = sum(sizes) / len(sizes) if sizes else 1024.0
    return int(mean * max(len(items), int(body.get("ScannedCount", 0))))


def _refusal(call: Call, touched: tuple[Touched, ...], starved: set[str]) -> Answer:
    if not call.action.startswith("Transact"):
        return error(call, PREFIX + EXCEEDED, MESSAGE)
    return cancelled(call, [each.table in starved for each in touched], "ProvisionedThroughputExceeded", MESSAGE)
