"""What a stream reports: sums every period, zeros included, and one value a call for ages, delays and successes.

Source: https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html (names, units and dimensions)
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import Shard, Stream
from infrastructure.embedded.control.metrics import Datum

if TYPE_CHECKING:
    from infrastructure.embedded.control.metrics import Metrics

NAMESPACE = "AWS/Kinesis"
SUMS = {
    "GetRecords.Bytes": "Bytes",
    "GetRecords.Records": "Count",
    "IncomingBytes": "Bytes",
    "IncomingRecords": "Count",
    "PutRecord.Bytes": "Bytes",
    "PutRecords.Bytes": "Bytes",
    "PutRecords.FailedRecords": "Count",
    "PutRecords.Records": "Count",
    "PutRecords.SuccessfulRecords": "Count",
    "PutRecords.ThrottledRecords": "Count",
    "PutRecords.TotalRecords": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "SubscribeToShardEvent.Bytes": "Bytes",
    "SubscribeToShardEvent.Records": "Count",
    "WriteProvisionedThroughputExceeded": "Count",
}
SHARD_SUMS = {
    "IncomingBytes": "Bytes",
    "IncomingRecords": "Count",
    "OutgoingBytes": "Bytes",
    "OutgoingRecords": "Count",
    "ReadProvisionedThroughputExceeded": "Count",
    "WriteProvisionedThroughputExceeded": "Count",
}
_AGE = "IteratorAgeMilliseconds"


@dataclass(frozen=True, slots=True)
class StreamMetrics:
    """Counts in the streams of `registry`, and reports to `metrics`; without them nobody is told."""

    registry: Registry
    metrics: "Metrics | None" = None

    def __post_init__(self) -> None:
        if self.metrics is not None:
            self.metrics.register(self.measured)

    def measured(self, _elapsed_s: float) -> Iterator[Datum]:
        """The sums since this was last asked."""
        for stream in self.registry.all():
            dimensions = {"StreamName": stream.stream_name}
            for name, unit in SUMS.items():
                value = float(stream.usage[name])
                yield Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions=dimensions)
            stream.usage.clear()
            for shard in stream.shards.values():
                for name, unit in SHARD_SUMS.items():
                    if name in stream.monitored:
                        value = float(shard.usage[name])
                        both = {**dimensions, "ShardId": shard.id}
                        yield Datum(namespace=NAMESPACE, name=name, value=value, unit=unit, dimensions=both)
                shard.usage.clear()

    def age(self, stream: Stream, shard: Shard, milliseconds: float) -> None:
        """How old the last record of a GetRecords was; zero for one that gave none."""
        self.put(stream, f"GetRecords.{_AGE}", milliseconds, "Milliseconds")
        if _AGE in stream.monitored and self.metrics is not None:
            both = {"StreamName": stream.stream_name, "ShardId": shard.id}
            self.metrics.put(NAMESPACE, _AGE, milliseconds, "Milliseconds", both)

    def put(self, stream: Stream, name: str, value: float, unit: str) -> None:
        if self.metrics is not None:
            self.metrics.put(NAMESPACE, name, value, unit, {"StreamName": stream.stream_name})

    def timed(self, stream: Stream, operation: str) -> "Timed":
        """Reports how long the operation took, and whether it succeeded, when it is left."""
        return Timed(self, stream, operation)


@dataclass(slots=True)
class Timed:
    """One call under way."""

    metrics: StreamMetrics
    stream: Stream
    operation: str
    _since: float = field(default_factory=time.perf_counter)

    def __enter__(self) -> None:
        pass

    def __exit__(self, failure: type[BaseException] | None, *_: object) -> None:
        self.metrics.put(self.stream, f"{self.operation}.Success", float(failure is None), "Count")
        if failure is None:
            took_ms = (time.perf_counter() - self._since) * 1000
            self.metrics.put(self.stream, f"{self.operation}.Latency", took_ms, "Milliseconds")
