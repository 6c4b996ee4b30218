"""Consumers with enhanced fan-out: registered, described, forgotten. Source: API Reference, RegisterStreamConsumer."""

from typing import Any

from infrastructure.embedded.apis.kinesis import refusals, tokens
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import FanOut, Stream, moment
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

MOST_CONSUMERS, CREATING_AT_ONCE = 20, 5
_PAGE = 100


class ConsumerCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("RegisterStreamConsumer", effect="a consumer that may subscribe, once it is ACTIVE")
    def register(self, given: Members) -> Output:
        registry, name, now = self._registry, given["ConsumerName"], self._registry.clock()
        stream = registry.there(given)
        if name in stream.consumers:
            raise refusals.in_use(
                f"Consumer {name} under stream {stream.stream_name} already exists for account {registry.account}."
            )
        creating = sum(each.status(now) == "CREATING" for each in stream.consumers.values())
        if len(stream.consumers) >= MOST_CONSUMERS or creating >= CREATING_AT_ONCE:
            raise refusals.limit(
                f"Stream {stream.stream_name} has {len(stream.consumers)} consumers, of which {creating} are CREATING; "
                f"it may have {MOST_CONSUMERS}, and {CREATING_AT_ONCE} at the same time in that state."
            )
        consumer = FanOut(
            name=name,
            arn=f"{stream.arn}/consumer/{name}:{int(now)}",
            stream=stream.stream_name,
            created_at=now,
            active_at=now + registry.lag_s,
            tags=dict(given.get("Tags", {})),
        )
        stream.consumers[name] = consumer
        return {"Consumer": {**_described(consumer, now), "ConsumerStatus": "CREATING"}}

    @operation("DeregisterStreamConsumer", effect="its subscriptions end")
    def deregister(self, given: Members) -> None:
        stream, consumer = self._named(given)
        if consumer.gone_at is None:
            consumer.gone_at = self._registry.clock() + self._registry.lag_s
        for shard in stream.shards.values():
            shard.changed()

    @operation("DescribeStreamConsumer")
    def describe(self, given: Members) -> Output:
        stream, consumer = self._named(given)
        described = {**_described(consumer, self._registry.clock()), "StreamARN": stream.arn}
        return {"ConsumerDescription": described}

    @operation("ListStreamConsumers")
    def list(self, given: Members) -> Output:
        stream, now = self._registry.find_listed(given), self._registry.clock()
        token, after = given.get("NextToken"), ""
        if token is not None:
            after = self._after(token, stream, now)
        most = given.get("MaxResults", _PAGE)
        found = [stream.consumers[name] for name in sorted(stream.consumers) if name > after]
        following = (
            {"NextToken": tokens.made("consumers", stream.stream_name, found[most - 1].name, repr(now))}
            if len(found) > most
            else {}
        )
        return {"Consumers": [_described(each, now) for each in found[:most]], **following}

    @staticmethod
    def _after(token: str, stream: Stream, now: float) -> str:
        try:
            name, after, issued = tokens.read("consumers", token)
        except ValueError as problem:
            raise refusals.invalid("NextToken is invalid.") from problem
        if name != stream.stream_name:
            raise refusals.invalid("NextToken is not of this stream.")
        if now - float(issued) > tokens.HOLDS_S:
            raise Refused("ExpiredNextTokenException", "The pagination token passed to the operation is expired.")
        return after

    def _named(self, given: Members) -> tuple[Stream, FanOut]:
        """The consumer that a call names, by its ARN, or by its name and its stream's ARN."""
        arn, name, stream_arn = (given.get(member) for member in ("ConsumerARN", "ConsumerName", "StreamARN"))
        if arn is not None:
            found = self._registry.of_arn(arn)
            stream = self._registry.find({"StreamARN": stream_arn or arn.partition("/consumer/")[0]})
            if isinstance(found, FanOut) and found is stream.consumers.get(found.name) and name in (None, found.name):
                return stream, found
            raise refusals.no_consumer(name or arn, self._registry.account)
        if name is None or stream_arn is None:
            raise refusals.invalid("Either ConsumerARN, or ConsumerName and StreamARN, must be provided.")
        stream = self._registry.find({"StreamARN": stream_arn})
        if name not in stream.consumers:
            raise refusals.no_consumer(name, self._registry.account)
        return stream, stream.consumers[name]


def not_active(consumer: FanOut, account: str) -> Refused:
    """The refusal of what only a consumer does that is ACTIVE."""
    return refusals.in_use(
        f"Consumer {consumer.name} with creation timestamp {int(consumer.created_at)} under stream: "
        f"{consumer.stream}, account {account} is not in ACTIVE status."
    )


def _described(consumer: FanOut, now: float) -> dict[str, Any]:
    return {
        "ConsumerName": consumer.name,
        "ConsumerARN": consumer.arn,
        "ConsumerStatus": consumer.status(now),
        "ConsumerCreationTimestamp": moment(consumer.created_at),
    }
