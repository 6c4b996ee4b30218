"""A stream and its shards: which shard takes a key, how sequence numbers run, what a change makes of it and when.

    CREATING ─▶ ACTIVE ⇄ UPDATING          a change holds once its time has come: until then the old shards take records
                  └────▶ DELETING ─▶ gone
Nothing waits for the time to come: `settle` is asked before a stream is looked at. No I/O.
"""

import time
from base64 import b64decode
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import md5
from typing import Any

from infrastructure.embedded.apis.kinesis.log import Entry, Keeper, Log, size_of
from infrastructure.embedded.apis.kinesis.throughput import Throughput

KEYS = 2**128
"""Hash keys are MD5 sums."""
_ORIGIN = 49 * 10**54
_SHARDS = 10**6
"""Sequence numbers have 56 digits, as on AWS: a stream's origin, a counter, and the shard in the last six."""


def moment(at: float) -> datetime:
    """Unix seconds as a time of the API."""
    return datetime.fromtimestamp(at, UTC)


def seconds(value: datetime) -> float:
    """A time of the API in Unix seconds."""
    return value.replace(tzinfo=value.tzinfo or UTC).timestamp()


def uniform(count: int) -> list[tuple[int, int]]:
    """The hash key ranges, both ends included, of so many shards of equal size."""
    step = KEYS // count
    starts = [number * step for number in range(count)]
    return list(zip(starts, [*(start - 1 for start in starts[1:]), KEYS - 1], strict=True))


def hash_key(partition_key: str) -> int:
    """Where the records of a partition key belong: its MD5 sum."""
    return int.from_bytes(md5(partition_key.encode(), usedforsecurity=False).digest(), "big")


def name_of(number: int) -> str:
    """The name of a stream's shard."""
    return f"shardId-{number:012}"


@dataclass(slots=True, kw_only=True, eq=False)
class Shard:
    """One shard: its range of hash keys, its records, its family; between which numbers it lived."""

    number: int
    start: int
    end: int
    first: int
    opened_at: float
    log: Log
    throughput: Throughput
    parents: tuple[str, ...] = ()
    children: tuple[str, ...] = ()
    last: int | None = None
    closed_at: float | None = None
    usage: Counter[str] = field(default_factory=Counter)
    """What was done since somebody emptied it, by CloudWatch's names of shards."""
    watchers: set[Callable[[], None]] = field(default_factory=set)
    """Called when there is something new, or when it is closed."""

    @property
    def id(self) -> str:
        return name_of(self.number)

    @property
    def is_open(self) -> bool:
        return self.last is None

    def changed(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()


@dataclass(slots=True, kw_only=True, eq=False)
class FanOut:
    """A consumer with a throughput of its own. `subscribed`: per shard, when it was last subscribed to."""

    name: str
    arn: str
    stream: str
    created_at: float
    active_at: float
    tags: dict[str, str] = field(default_factory=dict)
    policy: str | None = None
    gone_at: float | None = None
    subscribed: dict[str, float] = field(default_factory=dict)

    def status(self, now: float) -> str:
        if self.gone_at is not None:
            return "DELETING"
        return "CREATING" if now < self.active_at else "ACTIVE"


@dataclass(slots=True, kw_only=True)
class Stream:
    """One stream. `retention_period_hours` and `encryption_type` have the names that they have in moto's."""

    stream_name: str
    arn: str
    account: str
    created_at: float
    keeper: Keeper
    mode: str = "PROVISIONED"
    status: str = "ACTIVE"
    retention_period_hours: int = 24
    encryption_type: str = "NONE"
    key_id: str | None = None
    monitored: tuple[str, ...] = ()
    policy: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    consumers: dict[str, FanOut] = field(default_factory=dict)
    shards: dict[str, Shard] = field(default_factory=dict)
    reshardings: list[float] = field(default_factory=list)
    mode_changes: list[float] = field(default_factory=list)
    usage: Counter[str] = field(default_factory=Counter)
    """What was done since somebody emptied it, by CloudWatch's names."""
    changes_at: float | None = None
    """When its state ends, in Unix seconds."""
    _then: Callable[[float], object] | None = None
    _counter: int = 0
    _open: list[Shard] = field(default_factory=list)
    _starts: list[int] = field(default_factory=list)
    _origin: int = field(init=False)

    def __post_init__(self) -> None:
        self._origin = _ORIGIN + int(self.created_at * 1000) * 10**30

    # --- its state ----------------------------------------------------------------------------------------------------

    def begin(self, status: str, until: float, then: Callable[[float], object] | None = None) -> None:
        """It is in `status` until that moment, and then what `then` makes of it."""
        self.status, self.changes_at, self._then = status, until, then

    def settle(self, now: float) -> None:
        """Make the change whose time has come."""
        for consumer in tuple(self.consumers.values()):
            if consumer.gone_at is not None and now >= consumer.gone_at:
                del self.consumers[consumer.name]
        if self.changes_at is not None and now >= self.changes_at:
            at, then = self.changes_at, self._then
            self.changes_at, self._then = None, None
            if self.status == "DELETING":
                self.status = "gone"
                return
            self.status = "ACTIVE"
            if then is not None:
                then(at)

    def horizon(self, now: float) -> float:
        """Since when records are kept, in Unix seconds."""
        return now - self.retention_period_hours * 3600.0

    def trim(self, now: float) -> None:
        """Forget records that are too old, and closed shards that cannot have others."""
        horizon = self.horizon(now)
        for shard in tuple(self.shards.values()):
            shard.log.trim(horizon)
            if shard.closed_at is not None and shard.closed_at < horizon:
                del self.shards[shard.id]

    def clear(self) -> None:
        """Forget everything that lies anywhere; who still reads is told."""
        for shard in self.shards.values():
            shard.log.clear()
            shard.changed()

    # --- sequence numbers ---------------------------------------------------------------------------------------------

    def next_number(self) -> int:
        self._counter += 1
        return self._counter

    @property
    def latest(self) -> int:
        """The highest number so far."""
        return self._counter

    def sequence_number(self, number: int, shard: int) -> str:
        """A record's number, as callers see it."""
        return str(self._origin + number * _SHARDS + shard)

    def number_of(self, text: str) -> tuple[int, int] | None:
        """The number behind a sequence number, and its shard's; None for one that is of no record of this stream."""
        number, shard = divmod(int(text) - self._origin, _SHARDS)
        return (number, shard) if 0 <= number <= self._counter else None

    # --- records ------------------------------------------------------------------------------------------------------

    def append(self, shard: Shard, key: str, data: bytes, now: float) -> int:
        """The number under which the shard has the record from now on."""
        number, log, size = self.next_number(), shard.log, size_of(key, data)
        log.append(Entry(number, max(int(now * 1000) / 1000, log.last_at), key, data, self.encryption_type == "KMS"))
        for usage in (self.usage, shard.usage):
            usage["IncomingRecords"] += 1
            usage["IncomingBytes"] += size
        if shard.watchers:
            shard.changed()
        return number

    def put_record(self, *, partition_key: str, explicit_hash_key: str, data: str) -> None:
        """As moto's CloudWatch Logs delivers what a subscription filter lets through, in base64."""
        del explicit_hash_key  # it has none
        self.append(self.shard_for(hash_key(partition_key)), partition_key, b64decode(data), time.time())

    # --- shards -------------------------------------------------------------------------------------------------------

    @property
    def open_shards(self) -> list[Shard]:
        """Those that take records, by their hash keys."""
        return self._open

    def shard_for(self, key: int) -> Shard:
        """The open shard that takes a hash key."""
        return self._open[bisect_right(self._starts, key) - 1]

    def add_shards(self, ranges: Iterable[tuple[int, int]], at: float, parents: tuple[Shard, ...] = ()) -> list[Shard]:
        """Open shards with those ranges; their parents are closed."""
        for parent in parents:
            parent.last, parent.closed_at = self.next_number(), at
        first = max((shard.number for shard in self.shards.values()), default=-1) + 1
        made = [
            Shard(
                number=number,
                start=start,
                end=end,
                first=self.next_number(),
                opened_at=at,
                log=Log(self.keeper),
                throughput=Throughput(at),
                parents=tuple(parent.id for parent in parents),
            )
            for number, (start, end) in enumerate(ranges, first)
        ]
        self.shards |= {shard.id: shard for shard in made}
        self._open = sorted((each for each in self.shards.values() if each.is_open), key=lambda each: each.start)
        self._starts = [shard.start for shard in self._open]
        for parent in parents:
            parent.children = tuple(shard.id for shard in made)
            parent.changed()
        return made

    # --- as callers see it --------------------------------------------------------------------------------------------

    def described(self, shard: Shard) -> dict[str, Any]:
        """A shard, as DescribeStream and ListShards tell of it."""
        family = zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False)
        numbers = {"StartingSequenceNumber": self.sequence_number(shard.first, shard.number)}
        if shard.last is not None:
            numbers["EndingSequenceNumber"] = self.sequence_number(shard.last, shard.number)
        return {"ShardId": shard.id, **dict(family), "HashKeyRange": key_range(shard), "SequenceNumberRange": numbers}

    def child_shards(self, shard: Shard) -> list[dict[str, Any]]:
        """Where readers of a closed shard go on."""
        children = [self.shards[name] for name in shard.children if name in self.shards]
        return [
            {"ShardId": child.id, "ParentShards": list(child.parents), "HashKeyRange": key_range(child)}
            for child in children
        ]

    def summary(self) -> dict[str, Any]:
        """What ListStreams tells of it."""
        return {
            "StreamName": self.stream_name,
            "StreamARN": self.arn,
            "StreamStatus": self.status,
            "StreamModeDetails": {"StreamMode": self.mode},
            "StreamCreationTimestamp": moment(self.created_at),
        }


def key_range(shard: Shard) -> dict[str, str]:
    """A shard's hash keys, both ends included, as callers see them."""
    return {"StartingHashKey": str(shard.start), "EndingHashKey": str(shard.end)}
