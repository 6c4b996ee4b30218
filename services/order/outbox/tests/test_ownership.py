import asyncio
import random

import pytest

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.aws.tests.refusals import throttled, unreachable
from services.order.outbox.ownership import LeaseDecision, Observer, Ownership, decide
from services.order.outbox.table import SHARDS

S0, S1, S2, S3 = SHARDS
BEAT_S, DEAD_S = 1.0, 3.5
"""How often a member beats, and after how long it is dead."""


@pytest.mark.parametrize(
    ("holders", "living", "acquire", "release"),
    [
        pytest.param({}, {"me"}, [(S0, None), (S1, None), (S2, None), (S3, None)], [], id="alone, all free"),
        pytest.param({}, {"me", "you"}, [(S0, None), (S1, None)], [], id="two, all free: half"),
        pytest.param({S0: "you", S1: "you"}, {"me", "you"}, [(S2, None), (S3, None)], [], id="the other half"),
        pytest.param(dict.fromkeys(SHARDS, "me"), {"me", "you"}, [], [S2, S3], id="a newcomer gets half"),
        pytest.param(dict.fromkeys(SHARDS, "you"), {"me", "you"}, [], [], id="nobody alive is robbed"),
        pytest.param(
            {S0: "me", S1: "me", S2: "dead", S3: "dead"},
            {"me"},
            [(S2, "dead"), (S3, "dead")],
            [],
            id="the dead are succeeded",
        ),
        pytest.param({S0: "me", S1: "me"}, {"me", "you"}, [], [], id="a full share takes no more"),
        pytest.param({}, {"me", "a", "b", "c", "d"}, [(S0, None)], [], id="more tasks than shards"),
    ],
)
def test_the_next_step_towards_an_even_share(
    holders: dict[str, str], living: set[str], acquire: list[tuple[str, str | None]], release: list[str]
) -> None:
    assert LeaseDecision(acquire=tuple(acquire), release=tuple(release)) == decide("me", holders, frozenset(living))


def test_a_member_is_alive_while_its_counter_moves() -> None:
    now = 0.0
    observer = Observer(lambda: now)
    assert observer.living({"a": 1, "b": 1}) == {"a", "b"}
    now = DEAD_S - 0.1
    assert observer.living({"a": 2, "b": 1}) == {"a", "b"}
    now = DEAD_S
    assert observer.living({"a": 2, "b": 1}) == {"a"}
    now += 0.1
    assert observer.living({"a": 3, "b": 2}) == {"a", "b"}


def test_an_owner_stops_trusting_its_leases_a_second_before_anybody_may_take_them() -> None:
    async def run() -> list[int]:
        cluster = Cluster("a")
        await cluster.tick()
        cluster.table.cut_off.add("a")
        counts = []
        for cluster.now in (0.0, 2.4, 2.5):
            await cluster.tick()
            counts.append(len(cluster.members["a"].shards))
        return counts

    assert asyncio.run(run()) == [4, 4, 0]


class Table:
    """The `relay` partition of the outbox table; unreachable for the members in `cut_off`."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, dict[str, str]]] = {}
        self.cut_off: set[str] = set()
        self.refused: set[str] = set()
        """Keys that nobody can write for now."""

    def of(self, member: str) -> "Connection":
        return Connection(self, member)

    @property
    def holders(self) -> dict[str, str]:
        return {key[6:]: row["holder"]["S"] for key, row in self.rows.items() if key.startswith("lease#")}


class Connection:
    """One member's way to the table: the operations and conditions that ownership uses."""

    def __init__(self, table: Table, member: str) -> None:
        self._table = table
        self._member = member

    async def call(self, operation: str, parameters: Json) -> Json:
        if self._member in self._table.cut_off:
            raise unreachable(operation)
        if operation == "Query":
            return {"Items": list(self._table.rows.values())}
        row = parameters["Item" if operation == "PutItem" else "Key"]
        assert isinstance(row, dict)
        key = row["sequence"]["S"]
        if key in self._table.refused:
            raise throttled(operation)
        self._check(key, parameters)
        if operation == "PutItem":
            self._table.rows[key] = row
        else:
            self._table.rows.pop(key, None)
        return {}

    def _check(self, key: str, parameters: Json) -> None:
        condition = parameters.get("ConditionExpression")
        values = parameters.get("ExpressionAttributeValues")
        row = self._table.rows.get(key, {})
        held = row.get("holder") or row.get("beat")
        wanted = next(iter(values.values())) if isinstance(values, dict) else None
        if condition is not None and held != wanted:
            raise AwsError(operation="Put", code="ConditionalCheckFailedException", message="no", status=400)


class Cluster:
    """Members over one table and one clock."""

    def __init__(self, *names: str) -> None:
        self.now = 0.0
        self.table = Table()
        self.members: dict[str, Ownership] = {}
        for name in names:
            self.join(name)

    def join(self, name: str) -> None:
        self.members[name] = Ownership(self.table.of(name), "outbox", name, clock=lambda: self.now)

    async def tick(self, *names: str) -> None:
        for name in names or tuple(self.members):
            try:
                await self.members[name].tick()
            except AwsError:
                assert name in self.table.cut_off
        self.check()

    def check(self) -> None:
        owned = [shard for member in self.members.values() for shard in member.shards]
        assert len(owned) == len(set(owned)), "two members believe in the same lease"

    def shares(self) -> dict[str, int]:
        return {name: len(member.shards) for name, member in self.members.items()}


def test_members_come_to_an_even_share() -> None:
    async def run() -> dict[str, int]:
        cluster = Cluster("a")
        await cluster.tick()
        await cluster.tick()
        assert cluster.shares() == {"a": 4}
        cluster.join("b")
        for _ in range(4):
            cluster.now += BEAT_S
            await cluster.tick()
        return cluster.shares()

    assert asyncio.run(run()) == {"a": 2, "b": 2}


def test_a_member_that_leaves_is_succeeded_at_the_next_tick() -> None:
    async def run() -> dict[str, int]:
        cluster = Cluster("a", "b")
        for _ in range(4):
            cluster.now += BEAT_S
            await cluster.tick()
        await cluster.members.pop("a").leave()
        await cluster.tick()
        await cluster.tick()
        return cluster.shares()

    assert asyncio.run(run()) == {"b": 4}


def test_a_member_that_dies_is_succeeded_once_it_is_surely_dead() -> None:
    async def run() -> tuple[float, set[str]]:
        cluster = Cluster("a", "b")
        for _ in range(4):
            cluster.now += BEAT_S
            await cluster.tick()
        died_at, _ = cluster.now, cluster.members.pop("a")
        while cluster.shares() != {"b": 4}:
            cluster.now += BEAT_S
            await cluster.tick()
        return cluster.now - died_at, set(cluster.table.rows)

    took, rows = asyncio.run(run())
    assert DEAD_S <= took <= DEAD_S + 2 * BEAT_S
    assert "member#a" not in rows


@pytest.mark.parametrize("seed", range(20))
def test_no_lease_ever_has_two_owners_whatever_happens(seed: int) -> None:
    draw = random.Random(seed)  # noqa: S311 - chosen seeds

    async def run() -> None:
        cluster = Cluster("a", "b", "c")
        for _ in range(200):
            cluster.now += draw.uniform(0.1, 1.5)
            name = draw.choice("abc")
            if draw.random() < 0.2:
                cluster.table.cut_off ^= {name}
            if draw.random() < 0.05 and name not in cluster.table.cut_off:
                await cluster.members[name].leave()
            await cluster.tick(*draw.sample("abc", draw.randint(1, 3)))
        cluster.table.cut_off.clear()
        for _ in range(12):
            cluster.now += BEAT_S
            await cluster.tick()
        assert sum(cluster.shares().values()) == len(SHARDS)

    asyncio.run(run())


def test_a_lease_is_told_of_as_taken_even_if_the_next_one_could_not_be() -> None:
    """Whoever is not told does not read what the last owner left."""

    async def run() -> list[frozenset[str]]:
        cluster = Cluster("a")
        cluster.table.refused = {f"lease#{S1}"}
        with pytest.raises(AwsError):
            await cluster.members["a"].tick()
        assert cluster.members["a"].shards == {S0}
        cluster.table.refused.clear()
        return [await cluster.members["a"].tick(), await cluster.members["a"].tick()]

    assert asyncio.run(run()) == [frozenset(SHARDS), frozenset()]


def test_the_dead_who_held_nothing_are_forgotten_too() -> None:
    """Else each kill of a task beyond the fourth would leave a row that every other task reads every second."""

    async def run() -> tuple[float, set[str]]:
        cluster = Cluster("a", "b", "c", "d", "e")
        for _ in range(4):
            cluster.now += BEAT_S
            await cluster.tick()
        [idle] = [name for name, share in cluster.shares().items() if share == 0]
        died_at, _ = cluster.now, cluster.members.pop(idle)
        while f"member#{idle}" in cluster.table.rows and cluster.now < died_at + 10 * DEAD_S:
            cluster.now += BEAT_S
            await cluster.tick()
        return cluster.now - died_at, {key for key in cluster.table.rows if key.startswith("member#")}

    took, members = asyncio.run(run())
    assert DEAD_S <= took <= DEAD_S + 2 * BEAT_S
    assert len(members) == 4
