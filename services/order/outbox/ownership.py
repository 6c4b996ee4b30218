"""Which task relays which shard: one owner at a time, so that a customer's orders stay in order.

Every relay beats a counter in the outbox table and looks at everybody's beats. A member whose counter stood still for
`DEAD_S` of the observer's own clock is dead (no clock is compared with another machine's), and its leases are free;
a member trusts its own leases for `TRUST_S` after its last successful beat, which ends earlier. `decide` is pure,
`Ownership` performs it.

Should two relays ever both believe in a lease for a moment, then both hand on the same rows in the same order, and the
queue's de-duplication keeps the first of each: the lease saves work, correctness does not hang on it.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller, Json
from services.order.outbox.table import SHARDS

BEAT_S: Final = 1.0
TRUST_S: Final = 2.5
DEAD_S: Final = 3.5
PARTITION: Final = "relay"
LEASE: Final = "lease#"
MEMBER: Final = "member#"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseDecision:
    """What to do about the leases: take these, from the holder given (None: from nobody); give these up."""

    acquire: tuple[tuple[str, str | None], ...] = ()
    release: tuple[str, ...] = ()


def decide(me: str, holders: Mapping[str, str], living: frozenset[str]) -> LeaseDecision:
    """The next step of `me` towards an even share of the shards.

    `holders` maps shards to members as the table says; `living` are the members that still beat. No step takes a shard
    from somebody alive: who has more than a fair share gives up by itself.
    """
    share = -(-len(SHARDS) // len(living | {me}))
    mine = [shard for shard in SHARDS if holders.get(shard) == me]
    free = [shard for shard in SHARDS if holders.get(shard) not in living | {me}]
    room = max(share - len(mine), 0)
    return LeaseDecision(
        acquire=tuple((shard, holders.get(shard)) for shard in free[:room]), release=tuple(mine[share:])
    )


class Observer:
    """Tells the living from the dead by whether their counters move."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}

    def living(self, beats: Mapping[str, int]) -> frozenset[str]:
        now = self._clock()
        for member, beat in beats.items():
            if self._seen.get(member, (None, 0.0))[0] != beat:
                self._seen[member] = (beat, now)
        self._seen = {member: seen for member, seen in self._seen.items() if member in beats}
        return frozenset(member for member, (_, since) in self._seen.items() if now - since < DEAD_S)


class Ownership:
    """This task's membership and leases, kept in the outbox table."""

    def __init__(
        self, dynamodb: Caller, table: str, member: str, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._member = member
        self._clock = clock
        self._observer = Observer(clock)
        self._beat = 0
        self._trusted_until = 0.0
        self._held: frozenset[str] = frozenset()
        self._reported: frozenset[str] = frozenset()
        """Those of `_held` that a tick has returned."""

    @property
    def shards(self) -> frozenset[str]:
        """The shards this task may relay right now."""
        return self._held if self._clock() < self._trusted_until else frozenset()

    async def tick(self) -> frozenset[str]:
        """Beat, look, take or give up; the shards that were taken since this last returned.

        After an `AwsError` what was done by then counts, and the rest is left to the next tick.
        """
        began = self._clock()
        self._beat += 1
        await self._put({"sequence": {"S": MEMBER + self._member}, "beat": {"N": str(self._beat)}})
        holders, beats = await self._look()
        self._trusted_until = began + TRUST_S
        self._held = frozenset(shard for shard, holder in holders.items() if holder == self._member)
        self._reported &= self._held
        living = self._observer.living(beats)
        decision = decide(self._member, holders, living)
        for shard in decision.release:
            await self._release(shard)
        for shard, holder in decision.acquire:
            await self._acquire(shard, holder)
        await self._forget({member: beats[member] for member in beats.keys() - living - set(holders.values())})
        taken, self._reported = self._held - self._reported, self._held
        return taken

    async def leave(self) -> None:
        """Give up everything, so that others need not wait for this task to be found dead."""
        for shard in tuple(self._held):
            await self._release(shard)
        self._trusted_until = 0.0
        await self._delete({"sequence": {"S": MEMBER + self._member}})

    async def _look(self) -> tuple[dict[str, str], dict[str, int]]:
        answer = await self._dynamodb.call(
            "Query",
            {
                "TableName": self._table,
                "KeyConditionExpression": "shard = :relay",
                "ExpressionAttributeValues": {":relay": {"S": PARTITION}},
                "ConsistentRead": True,
            },
        )
        items = answer.get("Items")
        rows = {str(item["sequence"]["S"]): item for item in items} if isinstance(items, list) else {}
        holders = {key.removeprefix(LEASE): str(row["holder"]["S"]) for key, row in rows.items() if "holder" in row}
        beats = {key.removeprefix(MEMBER): int(row["beat"]["N"]) for key, row in rows.items() if "beat" in row}
        return holders, beats

    async def _acquire(self, shard: str, holder: str | None) -> None:
        """Take a lease that nobody, or a dead member, holds. Losing the race is no error."""
        condition: Json = {"ConditionExpression": "attribute_not_exists(holder)"}
        if holder is not None:
            condition = {
                "ConditionExpression": "holder = :dead",
                "ExpressionAttributeValues": {":dead": {"S": holder}},
            }
        try:
            await self._put({"sequence": {"S": LEASE + shard}, "holder": {"S": self._member}}, condition)
        except AwsError as error:
            if not error.is_condition:
                raise
            return
        self._held |= {shard}
        if holder is not None:
            await self._delete({"sequence": {"S": MEMBER + holder}})

    async def _release(self, shard: str) -> None:
        self._held -= {shard}
        condition: Json = {
            "ConditionExpression": "holder = :me",
            "ExpressionAttributeValues": {":me": {"S": self._member}},
        }
        await self._delete_if({"sequence": {"S": LEASE + shard}}, condition)

    async def _forget(self, dead: Mapping[str, int]) -> None:
        """Delete members that held no lease whose successor would; unless their counter moves after all."""
        for member, beat in dead.items():
            condition: Json = {
                "ConditionExpression": "beat = :seen",
                "ExpressionAttributeValues": {":seen": {"N": str(beat)}},
            }
            await self._delete_if({"sequence": {"S": MEMBER + member}}, condition)

    async def _delete_if(self, key: Json, condition: Json) -> None:
        """A condition that does not hold is no error: somebody else was faster."""
        try:
            await self._delete(key, condition)
        except AwsError as error:
            if not error.is_condition:
                raise

    async def _put(self, attributes: Json, condition: Json | None = None) -> None:
        item = {"shard": {"S": PARTITION}, **attributes}
        await self._dynamodb.call("PutItem", {"TableName": self._table, "Item": item, **(condition or {})})

    async def _delete(self, key: Json, condition: Json | None = None) -> None:
        full = {"shard": {"S": PARTITION}, **key}
        await self._dynamodb.call("DeleteItem", {"TableName": self._table, "Key": full, **(condition or {})})
