"""Copying the accounts into the warehouse: from a real PostgreSQL, into a bucket and a warehouse that remember."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg
import pytest

from services.chassis.aws.data_api import WarehouseAway
from services.chassis.postgres.tests.server import PASSWORD, USER, Server
from services.loyalty import members as module
from services.loyalty.members import SCHEMA, Members, replacing
from services.loyalty.store import AuroraStore
from services.loyalty.tests.test_store import opened

pytestmark = pytest.mark.anyio
PERIOD_S = 60.0


@dataclass
class Bucket:
    """Objects, and those that were there at any time."""

    bucket: str = "bucket-test"
    objects: dict[str, bytes] = field(default_factory=dict)
    seen: list[bytes] = field(default_factory=list)
    written: list[str] = field(default_factory=list)

    async def put(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        self.seen.append(body)
        self.written.append(key)

    async def delete(self, key: str) -> None:
        del self.objects[key]


@dataclass
class Warehouse:
    """The transactions that it was asked for, and what lay in the bucket meanwhile."""

    bucket: Bucket
    performed: list[tuple[str, ...]] = field(default_factory=list)
    is_away: bool = False

    async def perform(self, statements: Sequence[str]) -> list[int]:
        if self.is_away:
            raise WarehouseAway("paused")
        assert self.bucket.objects or statements == [SCHEMA], "the files are there while they are loaded"
        self.performed.append(tuple(statements))
        return [0] * len(statements)


@dataclass
class World:
    """A store, and what is made of its accounts."""

    server: Server
    store: AuroraStore
    bucket: Bucket
    warehouse: Warehouse
    members: Members

    def pass_time(self) -> None:
        """As if the last copy had been made a period earlier."""
        with psycopg.connect(self.server_url, user=USER, password=PASSWORD) as connection:
            connection.execute("UPDATE loyalty.member_copies SET copied_at = copied_at - interval '1 day'")

    @property
    def server_url(self) -> str:
        return f"postgresql://127.0.0.1:{self.server.port}/postgres"

    def lines(self) -> set[str]:
        """What was written last, without its time."""
        return {line.rpartition(",")[0] for line in self.bucket.seen[-1].decode().splitlines()}


@asynccontextmanager
async def made(server: Server) -> AsyncIterator[World]:
    server.script("DROP SCHEMA IF EXISTS loyalty CASCADE")
    async with opened(server) as store:
        bucket = Bucket()
        warehouse = Warehouse(bucket)
        members = Members(store, bucket, warehouse, role="default", period_s=PERIOD_S)
        yield World(server, store, bucket, warehouse, members)


async def test_accounts_are_copied_with_their_tiers_and_nothing_is_left_in_the_bucket(server: Server) -> None:
    async with made(server) as world:
        assert await world.members.copy() == 0, "there is nobody yet"
        await world.store.accrue("ada", "o-1", 100_000)
        await world.store.redeem("ada", "r-1", 400)
        await world.store.open("bob")
        assert await world.members.copy() == 2
        assert world.lines() == {"ada,silver,600,1000", "bob,bronze,0,0"}
        [prepared, transaction] = world.warehouse.performed
        assert prepared == (SCHEMA,)
        [url] = {statement.split("'")[1] for statement in transaction if statement.startswith("COPY")}
        assert transaction == replacing(url, "default")
        assert url.startswith("s3://bucket-test/members/")
        assert world.bucket.objects == {}


async def test_a_copy_waits_for_its_period_and_is_made_once_more_when_nothing_changes(server: Server) -> None:
    async with made(server) as world:
        await world.store.accrue("ada", "o-1", 100)
        copies = [await world.members.copy(), await world.members.copy()]
        assert copies == [1, 0], "the period is not over"
        for expected in (1, 0):
            world.pass_time()
            assert await world.members.copy() == expected
        await world.store.open("bob")
        assert await world.members.copy() == 2


async def test_while_one_copies_another_does_not(server: Server) -> None:
    async with made(server) as world:
        await world.store.open("ada")
        with psycopg.connect(world.server_url, user=USER, password=PASSWORD) as other:
            other.execute("SELECT 1 FROM loyalty.member_copies FOR UPDATE")
            assert await world.members.copy() == 0
        assert await world.members.copy() == 1


async def test_what_the_warehouse_did_not_take_is_copied_another_time(server: Server) -> None:
    async with made(server) as world:
        await world.store.open("ada")
        world.warehouse.is_away = True
        with pytest.raises(WarehouseAway):
            await world.members.copy()
        assert world.bucket.objects == {}
        world.warehouse.is_away = False
        assert await world.members.copy() == 1


class Failover(Bucket):
    """The database is gone while the second file is written; `lost` counts down to that."""

    lost: int = 2

    async def put(self, key: str, body: bytes) -> None:
        await super().put(key, body)
        self.lost -= 1
        if self.lost == 0:
            raise psycopg.OperationalError("server closed the connection unexpectedly")


async def test_a_copy_that_begins_again_loads_what_it_wrote_itself(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    async with made(server) as world:
        bucket = Failover()
        warehouse = Warehouse(bucket)
        for number in range(5):
            await world.store.open(f"customer-{number}")
        assert await Members(world.store, bucket, warehouse, role="default", period_s=PERIOD_S).copy() == 5
        [url] = {each.split("'")[1] for each in warehouse.performed[-1] if each.startswith("COPY")}
        folders = [key.rpartition("/")[0] for key in bucket.written]
        assert url == f"s3://bucket-test/{folders[-1]}/"
        assert folders.count(folders[-1]) == 3, "all of it lies there, and nothing of the attempt before"
        assert bucket.objects == {}


async def test_many_accounts_are_many_files(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 2)
    async with made(server) as world:
        for number in range(5):
            await world.store.open(f"customer-{number}")
        assert await world.members.copy() == 5
        assert [len(body.splitlines()) for body in world.bucket.seen] == [2, 2, 1]
