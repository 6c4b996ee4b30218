"""Streams and consumers are there, or the call is refused.

Replaces in `moto.kinesis.models` (moto 5.2): `KinesisBackend._find_stream_by_arn`, which finds None;
`register_stream_consumer`, which takes a name twice; `deregister_stream_consumer`, which keeps the consumer that it is
to take away and takes away all others; and `create_stream`, which fails on a provisioned stream without a number of
shards.
"""

from typing import Any

from moto.kinesis.exceptions import ConsumerNotFound, InvalidArgumentError, ResourceInUseError, StreamNotFoundError
from moto.kinesis.models import KinesisBackend

_create_stream = KinesisBackend.create_stream
_register = KinesisBackend.register_stream_consumer


def _find_stream_by_arn(backend: Any, stream_arn: str) -> Any:
    for stream in backend.streams.values():
        if stream.arn == stream_arn:
            return stream
    raise StreamNotFoundError(stream_arn.rpartition("/")[2], backend.account_id)


def _create_checked(backend: Any, stream_name: str, shard_count: int | None, **others: Any) -> Any:
    mode = (others.get("stream_mode") or {}).get("StreamMode", "PROVISIONED")
    if mode == "PROVISIONED" and shard_count is None:
        raise InvalidArgumentError("ShardCount is required for a stream of mode PROVISIONED.")
    return _create_stream(backend, stream_name, shard_count, **others)


def _register_checked(backend: Any, stream_arn: str, consumer_name: str) -> Any:
    stream = _find_stream_by_arn(backend, stream_arn)
    if any(each.consumer_name == consumer_name for each in stream.consumers):
        raise ResourceInUseError(f"Consumer {consumer_name} of stream {stream.stream_name} exists already.")
    return _register(backend, stream_arn, consumer_name)


def _deregister(
    backend: Any, stream_arn: str | None = None, consumer_name: str | None = None, consumer_arn: str | None = None
) -> None:
    streams = [_find_stream_by_arn(backend, stream_arn)] if stream_arn else list(backend.streams.values())
    for stream in streams:
        for consumer in stream.consumers:
            if consumer_arn == consumer.consumer_arn or (stream_arn and consumer_name == consumer.consumer_name):
                stream.consumers.remove(consumer)
                return
    raise ConsumerNotFound(consumer=consumer_name or consumer_arn or "", account_id=backend.account_id)


def install() -> None:
    """Replace them on moto's class."""
    KinesisBackend._find_stream_by_arn = _find_stream_by_arn
    KinesisBackend.create_stream = _create_checked
    KinesisBackend.register_stream_consumer = _register_checked
    KinesisBackend.deregister_stream_consumer = _deregister
