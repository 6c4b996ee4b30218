"""SubscribeToShard: records are pushed to a consumer for five minutes, as soon as they are there, 2 MiB a second.

Source: API Reference, SubscribeToShard ("within 5 seconds of a successful call, you'll get a ResourceInUseException",
"5 minutes"; a later call takes over from the one before), SubscribeToShardEvent.
"""

import asyncio
from collections.abc import AsyncGenerator

import orjson

from infrastructure.embedded.apis.kinesis import refusals
from infrastructure.embedded.apis.kinesis.consumers import not_active
from infrastructure.embedded.apis.kinesis.metrics import StreamMetrics
from infrastructure.embedded.apis.kinesis.reading import Page, find_shard, page, start
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import FanOut, Shard, Stream
from infrastructure.embedded.apis.kinesis.throughput import READ_BYTES_A_SECOND, Meter
from infrastructure.embedded.apis.kinesis.wire import CONTENT_TYPE, record
from infrastructure.embedded.control.background import wait_within
from infrastructure.embedded.gateway import event_stream
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.operations import Members, operation

LASTS_S, AGAIN_S = 300.0, 5.0
EVENT_BYTES = 1 << 20
HEARTBEAT_S = 5.0
"""How often a consumer hears that there is nothing new; AWS gives no figure, some seconds are observed."""


class SubscriptionCalls:
    """Answers it for the streams of one registry."""

    def __init__(self, registry: Registry, metrics: StreamMetrics) -> None:
        self._registry = registry
        self._metrics = metrics

    @operation("SubscribeToShard", effect="records are pushed for five minutes, 2 MiB a second to each consumer")
    def subscribe(self, given: Members) -> Answer:
        registry, now = self._registry, self._registry.clock()
        consumer = registry.of_arn(given["ConsumerARN"])
        if not isinstance(consumer, FanOut):
            raise refusals.no_consumer(given["ConsumerARN"], registry.account)
        stream = registry.there({"StreamName": consumer.stream})
        if consumer.status(now) != "ACTIVE":
            raise not_active(consumer, registry.account)
        shard = find_shard(stream, given["ShardId"])
        if now - consumer.subscribed.get(shard.id, 0.0) < AGAIN_S:
            raise refusals.in_use(
                f"Another active subscription exists for this consumer: "
                f"{registry.account}:{stream.stream_name}:{shard.id}:{consumer.name}"
            )
        asked = given["StartingPosition"]
        after = start(stream, shard, asked["Type"], asked.get("SequenceNumber"), asked.get("Timestamp"), now)
        consumer.subscribed[shard.id] = now
        self._metrics.put(stream, "SubscribeToShard.Success", 1.0, "Count")
        events = self._events(stream, shard, consumer, after, now)
        return Answer(status=200, headers={"content-type": event_stream.CONTENT_TYPE}, stream=events)

    async def _events(
        self, stream: Stream, shard: Shard, consumer: FanOut, after: int, begun: float
    ) -> AsyncGenerator[bytes, None]:
        """Every event, until the subscription ends: by its time, by another one, with the shard, with the consumer."""
        yield event_stream.event("initial-response", b"{}", CONTENT_TYPE)
        clock, changed = self._registry.clock, asyncio.Event()
        meter, told_at = Meter(READ_BYTES_A_SECOND, READ_BYTES_A_SECOND, begun), begun - HEARTBEAT_S
        shard.watchers.add(changed.set)
        try:
            while (now := clock()) < begun + LASTS_S and consumer.subscribed[shard.id] == begun:
                changed.clear()
                if self._registry.get(stream.stream_name) is not stream or consumer.status(now) == "DELETING":
                    yield _gone(stream, consumer)
                    return
                found = page(shard, after, now, stream.horizon(now), most_bytes=EVENT_BYTES)
                if found.entries or found.is_end or now - told_at >= HEARTBEAT_S:
                    yield self._event(stream, shard, found)
                    after, told_at = found.after, now
                    meter.pay(float(found.size))
                if found.is_end:
                    return
                if found.behind_ms == 0:
                    await wait_within(changed, HEARTBEAT_S)
                if not meter.has(1.0, clock()):
                    await asyncio.sleep((1.0 - meter.credit) / meter.rate)
        finally:
            shard.watchers.discard(changed.set)

    def _event(self, stream: Stream, shard: Shard, found: Page) -> bytes:
        stream.usage["SubscribeToShardEvent.Bytes"] += found.size
        stream.usage["SubscribeToShardEvent.Records"] += len(found.entries)
        self._metrics.put(stream, "SubscribeToShardEvent.Success", 1.0, "Count")
        self._metrics.put(stream, "SubscribeToShardEvent.MillisBehindLatest", float(found.behind_ms), "Milliseconds")
        following = (
            {"ContinuationSequenceNumber": None, "ChildShards": stream.child_shards(shard)}
            if found.is_end
            else {"ContinuationSequenceNumber": stream.sequence_number(found.after, shard.number)}
        )
        records = [record(stream, shard.number, entry) for entry in found.entries]
        members = {"Records": records, "MillisBehindLatest": found.behind_ms, **following}
        return event_stream.event("SubscribeToShardEvent", orjson.dumps(members), CONTENT_TYPE)


def _gone(stream: Stream, consumer: FanOut) -> bytes:
    text = f"Stream {stream.stream_name} or consumer {consumer.name} under account {stream.account} not found."
    return event_stream.exception("ResourceNotFoundException", orjson.dumps({"message": text}), CONTENT_TYPE)
