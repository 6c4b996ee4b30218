"""GetShardIterator and GetRecords: from where a shard is read, and what it gives next.

Source: API Reference, GetShardIterator, GetRecords; the texts of refusals are AWS's.
"""

import time
from dataclasses import dataclass
from datetime import datetime

from infrastructure.embedded.apis.kinesis import refusals, tokens
from infrastructure.embedded.apis.kinesis.log import Entry, size_of
from infrastructure.embedded.apis.kinesis.metrics import StreamMetrics
from infrastructure.embedded.apis.kinesis.registry import Registry
from infrastructure.embedded.apis.kinesis.stream import Shard, Stream, name_of, seconds
from infrastructure.embedded.apis.kinesis.throughput import LARGEST_READ
from infrastructure.embedded.apis.kinesis.wire import record
from infrastructure.embedded.gateway.codec import Ready
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused

MOST_RECORDS = 10_000


@dataclass(frozen=True, slots=True)
class Page:
    """What a read gives. `after`: the number that the next one goes on after; `behind_ms` is zero at the tip."""

    entries: list[Entry]
    after: int
    size: int
    behind_ms: int
    is_full: bool
    is_end: bool


def page(
    shard: Shard,
    after: int,
    now: float,
    horizon: float,
    most: int = MOST_RECORDS,
    most_bytes: int = LARGEST_READ,
) -> Page:
    """The records after that number, as many as fit into one answer. `is_end`: there will be no more."""
    entries: list[Entry] = []
    size, has_more = 0, False
    for entry in shard.log.after(after, horizon):
        grown = size + size_of(entry.key, entry.data)
        if len(entries) == most or (grown > most_bytes and entries):
            has_more = True
            break
        entries.append(entry)
        size = grown
    behind_ms = max(int((now - entries[-1].at) * 1000), 1) if has_more else 0
    return Page(
        entries=entries,
        after=entries[-1].number if entries else after,
        size=size,
        behind_ms=behind_ms,
        is_full=size >= most_bytes or (has_more and len(entries) < most),
        is_end=not entries and not shard.is_open,
    )


def start(stream: Stream, shard: Shard, kind: str, number: str | None, moment: datetime | None, now: float) -> int:
    """After which number one begins that reads from there: AT_TIMESTAMP, LATEST …; refused where it cannot."""
    if kind == "TRIM_HORIZON":
        return 0
    if kind == "LATEST":
        return stream.latest
    if moment is not None:
        return _since(shard, seconds(moment), now)
    found = stream.number_of(number or "0")
    if found is None:
        raise refusals.invalid(
            f"StartingSequenceNumber {number} used in GetShardIterator on shard {shard.id} in stream "
            f"{stream.stream_name} under account {stream.account} is invalid because it did not come from this stream."
        )
    if found[1] != shard.number:
        raise refusals.invalid(
            f"Invalid StartingSequenceNumber. It encodes {name_of(found[1])}, while it was used in a call to a shard "
            f"with {shard.id}"
        )
    return found[0] - (kind == "AT_SEQUENCE_NUMBER")


def _since(shard: Shard, since: float, now: float) -> int:
    if since > now:
        raise refusals.invalid(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
            f"timestampInMillis: {int(since * 1000)}, currentTimestampInMillis: {int(now * 1000)}"
        )
    return shard.log.number_before(since)


def find_shard(stream: Stream, name: str) -> Shard:
    """The shard of that name; one that has expired is none."""
    if name not in stream.shards:
        raise _no_shard(name, stream.stream_name, stream.account)
    return stream.shards[name]


class GetCalls:
    """Answers them for the streams of one registry."""

    def __init__(self, registry: Registry, metrics: StreamMetrics) -> None:
        self._registry = registry
        self._metrics = metrics

    @operation("GetShardIterator", effect="where to read on; holds for five minutes")
    def begin(self, given: Members) -> Output:
        stream, now = self._registry.there(given), self._registry.clock()
        shard = find_shard(stream, given["ShardId"])
        if not shard.throughput.may_begin(now):
            raise refusals.exceeded(shard.id, stream.stream_name, stream.account)
        kind, number = given["ShardIteratorType"], given.get("StartingSequenceNumber")
        after = start(stream, shard, kind, number, given.get("Timestamp"), now)
        return {"ShardIterator": _iterator(stream, shard, after, now)}

    @operation(
        "GetRecords", effect="records in order, up to 10,000 or 10 MiB a call; a shard gives 2 MiB in 5 calls a second"
    )
    def get(self, given: Members) -> Ready:
        now = self._registry.clock()
        stream, shard, after = self._opened(given, now)
        with self._metrics.timed(stream, "GetRecords"):
            if not shard.throughput.may_read(now):
                for usage in (stream.usage, shard.usage):
                    usage["ReadProvisionedThroughputExceeded"] += 1
                raise refusals.exceeded(shard.id, stream.stream_name, stream.account)
            found = page(shard, after, now, stream.horizon(now), given.get("Limit", MOST_RECORDS))
            shard.throughput.charge(found.size, now, is_full=found.is_full)
            made = self._answer(stream, shard, found, now)
        self._count(stream, shard, found, now)
        return made

    def _answer(self, stream: Stream, shard: Shard, found: Page, now: float) -> Ready:
        following = (
            {"ChildShards": stream.child_shards(shard)}
            if found.is_end
            else {"NextShardIterator": _iterator(stream, shard, found.after, now)}
        )
        records = [record(stream, shard.number, entry) for entry in found.entries]
        return Ready({"Records": records, "MillisBehindLatest": found.behind_ms, **following})

    def _count(self, stream: Stream, shard: Shard, found: Page, now: float) -> None:
        stream.usage["GetRecords.Bytes"] += found.size
        stream.usage["GetRecords.Records"] += len(found.entries)
        shard.usage["OutgoingBytes"] += found.size
        shard.usage["OutgoingRecords"] += len(found.entries)
        age = (now - found.entries[-1].at) * 1000 if found.entries else 0.0
        self._metrics.age(stream, shard, max(age, 0.0))

    def _opened(self, given: Members, now: float) -> tuple[Stream, Shard, int]:
        """What an iterator leads to: stream, shard, and after which number to read."""
        try:
            name, created, shard_id, after, issued = tokens.read("iterator", given["ShardIterator"])
        except ValueError as problem:
            raise refusals.invalid("Invalid ShardIterator.") from problem
        issued_at = int(issued) / 1000
        if now - issued_at > tokens.HOLDS_S:
            raise Refused(
                "ExpiredIteratorException",
                f"Iterator expired. The iterator was created at time {_said(issued_at)} while right now it is "
                f"{_said(now)} which is further in the future than the tolerated delay of 300000 milliseconds.",
            )
        stream = self._registry.get(name)
        if stream is None or stream.created_at != float(created):
            raise _no_shard(shard_id, name, self._registry.account)
        if given.get("StreamARN", stream.arn) != stream.arn:
            raise refusals.invalid(f"StreamARN {given['StreamARN']} is not of the iterator's stream.")
        return stream, find_shard(stream, shard_id), int(after)


def _iterator(stream: Stream, shard: Shard, after: int, now: float) -> str:
    return tokens.made("iterator", stream.stream_name, repr(stream.created_at), shard.id, after, int(now * 1000))


def _no_shard(shard: str, stream: str, account: str) -> Refused:
    return refusals.absent(f"Shard {shard} in stream {stream} under account {account} does not exist")


def _said(at: float) -> str:
    """As AWS writes it: Thu Jan 22 01:22:02 UTC 2015."""
    return time.strftime("%a %b %d %H:%M:%S UTC %Y", time.gmtime(at))
