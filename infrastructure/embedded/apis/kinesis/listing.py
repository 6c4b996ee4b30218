"""ListShards: which shards a filter means, page by page. Source: API Reference, ListShards, ShardFilter."""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.kinesis import refusals, tokens
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import Shard, Stream, seconds
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

_PAGE = 1_000
_BESIDE_TOKEN = ("StreamName", "StreamARN", "StreamCreationTimestamp", "ShardFilter", "ExclusiveStartShardId")
"""What a token already says."""


def matches(shard: Shard, kind: str, at: float, after: str, horizon: float) -> bool:
    """Whether a filter means the shard: `at` for those with a time, `after` for the one with a shard."""
    if kind == "AFTER_SHARD_ID":
        return shard.id > after
    if kind == "AT_LATEST":
        return shard.is_open
    since = max(at, horizon) if kind.endswith("_TIMESTAMP") else horizon
    is_later = shard.closed_at is None or shard.closed_at >= since
    return is_later and (kind.startswith("FROM_") or shard.opened_at <= since)


class ListingCalls:
    """Answers it for the streams of one registry."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    @operation("ListShards")
    def list(self, given: Members) -> Output:
        stream, after, filters = self._asked(given)
        now, most = self._registry.clock(), given.get("MaxResults", _PAGE)
        stream.trim(now)
        kind, at, beyond = filters.get("Type", ""), float(filters.get("Timestamp", 0.0)), filters.get("ShardId", "")
        shards = sorted(stream.shards.values(), key=lambda each: each.number)
        horizon = max(stream.horizon(now), min((shard.opened_at for shard in shards), default=0.0))
        found = [
            shard for shard in shards if shard.id > after and (not kind or matches(shard, kind, at, beyond, horizon))
        ]
        page = found[:most]
        following = {"NextToken": self._token(stream, page[-1].id, filters, now)} if len(found) > most else {}
        return {"Shards": [stream.described(shard) for shard in page], **following}

    def _asked(self, given: Members) -> tuple[Stream, str, Mapping[str, str]]:
        """Of which stream, after which shard, by which filter."""
        token = given.get("NextToken")
        if token is None:
            stream = self._registry.find_listed(given)
            return stream, given.get("ExclusiveStartShardId", ""), _filters(given.get("ShardFilter", {}))
        for name in _BESIDE_TOKEN:
            if given.get(name) is not None:
                raise refusals.invalid(f"NextToken and {name} cannot be provided together.")
        try:
            name, after, kind, at, shard, issued = tokens.read("shards", token)
        except ValueError as problem:
            raise refusals.invalid("NextToken is invalid.") from problem
        if self._registry.clock() - float(issued) > tokens.HOLDS_S:
            raise Refused("ExpiredNextTokenException", "The pagination token passed to the operation is expired.")
        stream = self._registry.find({"StreamName": name})
        return stream, after, {"Type": kind, "Timestamp": at, "ShardId": shard} if kind else {}

    @staticmethod
    def _token(stream: Stream, after: str, filters: Mapping[str, str], now: float) -> str:
        parts = (filters.get("Type", ""), filters.get("Timestamp", "0"), filters.get("ShardId", ""))
        return tokens.made("shards", stream.stream_name, after, *parts, repr(now))


def _filters(given: Mapping[str, Any]) -> dict[str, str]:
    """The filter with its time in seconds; refused where it says too little or too much."""
    kind = given.get("Type", "")
    needed = {"AFTER_SHARD_ID": "ShardId", "AT_TIMESTAMP": "Timestamp", "FROM_TIMESTAMP": "Timestamp"}.get(kind)
    for name in ("ShardId", "Timestamp"):
        if (name == needed) != (given.get(name) is not None):
            raise refusals.invalid(
                f"ShardFilter of type {kind} {'needs' if name == needed else 'does not take'} a {name}."
            )
    found = {"Type": kind} if kind else {}
    if needed == "ShardId":
        found["ShardId"] = given["ShardId"]
    if needed == "Timestamp":
        found["Timestamp"] = repr(seconds(given["Timestamp"]))
    return found
