"""Kinesis: streams are in the control plane itself; what they take and give goes to CloudWatch (AWS/Kinesis)."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from infrastructure.embedded.control.metrics import Datum

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

NAMESPACE = "AWS/Kinesis"
_UNITS = {
    "GetRecords.Bytes": "Bytes",
    "GetRecords.Records": "Count",
    "IncomingBytes": "Bytes",
    "IncomingRecords": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "WriteProvisionedThroughputExceeded": "Count",
}


class KinesisController:
    """Keeps no process; every period each stream reports what came since the last, zeros included."""

    name: ClassVar[str] = "kinesis"
    watches: ClassVar[frozenset[str]] = frozenset({"kinesis"})

    def __init__(self, context: "Context") -> None:
        self._backends = context.backends
        context.metrics.register(self._measured)

    async def reconcile(self, _key: str, /) -> None:
        """There is nothing to make."""

    def _measured(self, _elapsed_s: float) -> Iterator[Datum]:
        from infrastructure.embedded.apis.kinesis.throughput import usage_of  # imports moto, which comes later

        for stream in self._backends.kinesis.streams.values():
            usage = usage_of(stream)
            dimensions = {"StreamName": stream.stream_name}
            for name, unit in _UNITS.items():
                value = float(usage[name])
                yield Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions=dimensions)
            usage.clear()
