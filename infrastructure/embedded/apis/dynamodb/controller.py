"""DynamoDB: the tables' credit follows their records, and what they consume goes to CloudWatch (AWS/DynamoDB)."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.apis.dynamodb.capacity import TableUsage
from infrastructure.embedded.apis.dynamodb.tables import TableCalls
from infrastructure.embedded.control.metrics import Datum

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

NAMESPACE = "AWS/DynamoDB"


class DynamoDbController:
    """Keeps no process: throttling reads a table's capacity at each call, so a change of it counts at once."""

    name: ClassVar[str] = "dynamodb"
    watches: ClassVar[frozenset[str]] = frozenset({"dynamodb"})
    PARTS: ClassVar[tuple[type, ...]] = (TableCalls,)

    def __init__(self, context: "Context") -> None:
        self._backends = context.backends
        self._backends.capacity.burst_s = context.pace.dynamodb_burst_s
        self._backends.capacity.transaction_s = context.pace.dynamodb_transaction_s
        operations = context.backends.operations
        operations.bind(self.name, TableCalls(self._backends.dynamodb, operations))
        context.metrics.register(self._measured)

    async def reconcile(self, _key: str, /) -> None:
        self._backends.capacity.keep(frozenset(self._backends.dynamodb.tables))

    def _measured(self, _elapsed_s: float) -> Iterator[Datum]:
        drained = self._backends.capacity.drain()
        for table in self._backends.dynamodb.tables.values():
            yield from _table(table.name, drained.get(table.name, TableUsage()))
            if table.billing_mode != "PAY_PER_REQUEST":
                for side in ("Read", "Write"):
                    provided = float(table.throughput[f"{side}CapacityUnits"])
                    yield _datum(f"Provisioned{side}CapacityUnits", provided, {"TableName": table.name})


def _table(name: str, usage: TableUsage) -> Iterator[Datum]:
    """A table that was not used reports zeros, which alarms need; a throttle metric only appears when there was one."""
    dimensions = {"TableName": name}
    yield _datum("ConsumedReadCapacityUnits", usage.read, dimensions)
    yield _datum("ConsumedWriteCapacityUnits", usage.write, dimensions)
    if usage.throttled_reads:
        yield _datum("ReadThrottleEvents", usage.throttled_reads, dimensions)
    if usage.throttled_writes:
        yield _datum("WriteThrottleEvents", usage.throttled_writes, dimensions)
    if usage.conflicts:
        yield _datum("TransactionConflict", usage.conflicts, dimensions)
    for operation, count in usage.throttled.items():
        yield _datum("ThrottledRequests", count, {**dimensions, "Operation": operation})


def _datum(name: str, value: float, dimensions: Mapping[str, str]) -> Datum:
    return Datum(namespace=NAMESPACE, name=name, value=value, unit="Count", dimensions=dimensions)
