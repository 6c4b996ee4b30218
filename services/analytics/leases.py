"""Which worker reads which shard: the rules of the Kinesis Client Library, as pure functions over the lease table.

    free ──take──▶ held ──renew──▶ held ──release──▶ free          a step changes the counter, and is refused
      ▲              │ counter stands still for LEASE_S             where the counter is not the one that was seen
      └───expired────┘          held ──shard read to its end──▶ done: its children may be taken

No two clocks are compared: a lease has expired for an observer who saw its counter stand still for `LEASE_S` of its own
time. The holder stops trusting it earlier, `TRUST_S` after the last renewal. Neither is what keeps rows from being
written twice: that is `epoch`, which grows with every new holder, and which the warehouse compares (`warehouse.py`).

Source: "KCL concepts" and "Load balancing", Amazon Kinesis Data Streams Developer Guide; the column names are KCL's.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

BEAT_S: Final = 1.0
"""Between two renewals, each with a look at everybody's leases."""
TRUST_S: Final = 2.5
LEASE_S: Final = 3.5
TRIM_HORIZON: Final = "TRIM_HORIZON"
SHARD_END: Final = "SHARD_END"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A row of the lease table. `checkpoint`: the last record that is done, `TRIM_HORIZON` or `SHARD_END`."""

    shard: str
    parents: frozenset[str] = frozenset()
    owner: str | None = None
    counter: int = 0
    epoch: int = 0
    checkpoint: str = TRIM_HORIZON

    @property
    def is_done(self) -> bool:
        return self.checkpoint == SHARD_END


class Observer:
    """Tells by their counters which leases have expired."""

    def __init__(self, clock: Callable[[], float], lease_s: float = LEASE_S) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._seen: dict[str, tuple[int, float]] = {}

    def expired(self, leases: Iterable[Lease]) -> frozenset[str]:
        """The shards whose leases are anybody's, though they have an owner."""
        now = self._clock()
        seen = {}
        for lease in leases:
            counter, since = self._seen.get(lease.shard, (None, now))
            seen[lease.shard] = (lease.counter, since if counter == lease.counter else now)
        self._seen = seen
        return frozenset(shard for shard, (_, since) in seen.items() if now - since >= self._lease_s)


def to_take(
    me: str, leases: Mapping[str, Lease], expired: frozenset[str], reading: frozenset[str]
) -> tuple[Lease, ...]:
    """The leases that `me`, who is `reading` some shards, should take now, towards an even share.

    More than are free only by stealing one: from whoever has most, if that leaves the two of them more even, as KCL
    does. A lease that names `me` and is not read is free too: it is from another life, or the answer to taking it
    was lost.
    """
    ready = [lease for lease in leases.values() if _is_ready(lease, leases)]
    held: dict[str, list[Lease]] = {me: []}
    free: list[Lease] = []
    for lease in ready:
        is_held = lease.shard in reading if lease.owner == me else lease.shard not in expired
        if lease.owner is not None and is_held:
            held.setdefault(lease.owner, []).append(lease)
        else:
            free.append(lease)
    room = -(-len(ready) // len(held)) - len(held[me])
    if room <= 0 or free:
        return tuple(sorted(free, key=lambda lease: lease.shard)[: max(room, 0)])
    richest = max(held.values(), key=len)
    return (min(richest, key=lambda lease: lease.shard),) if len(richest) > len(held[me]) + 1 else ()


def _is_ready(lease: Lease, leases: Mapping[str, Lease]) -> bool:
    """Not read to its end, and all that its parents held is: so the order of a key's records survives a re-sharding.

    A parent without a lease has left the stream with its last record.
    """
    parents = (leases.get(parent) for parent in lease.parents)
    return not lease.is_done and all(parent is None or parent.is_done for parent in parents)


def obsolete(leases: Mapping[str, Lease], shards: Iterable[str]) -> tuple[Lease, ...]:
    """The leases of shards that were read to their end and have left the stream."""
    there = frozenset(shards)
    return tuple(lease for lease in leases.values() if lease.is_done and lease.shard not in there)
