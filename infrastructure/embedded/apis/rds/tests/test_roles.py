"""Who writes and who reads in a pair of real PostgreSQL servers: failover, deaths, restarts, measurements."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
import pytest

from infrastructure.embedded.apis.rds import cluster as rds_cluster
from infrastructure.embedded.apis.rds.member import Member
from infrastructure.embedded.apis.rds.tests.aurora_world import CLUSTER, FIRST, SECOND, Aurora, aurora, own_state
from infrastructure.embedded.host import proctree
from infrastructure.embedded.tests.passes import measure, reconcile

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def shared(postgres_home: Path) -> AsyncIterator[Aurora]:
    async with aurora(own_state(postgres_home)) as made:
        made.create(FIRST, SECOND)
        yield made


@pytest.fixture
async def pair(shared: Aurora) -> Aurora:
    """A writer and a reader, whichever is which, and a table with one row; each test leaves such a pair."""
    await shared.settle()
    shared.controller._calls.events.all.clear()
    await shared.fill()
    return shared


def freeze(member: Member) -> tuple[int, ...]:
    """Stop what the server has forked, the receiver of the log among it; the pids, to be continued."""
    assert member.node.process is not None
    forked = proctree.children_of(member.node.process.pid)
    for pid in forked:
        os.kill(pid, signal.SIGSTOP)
    return forked


async def until_waiting(writer: Member) -> None:
    """Until a commit waits for a reader; PostgreSQL tells nobody."""
    async with asyncio.timeout(10):
        while not await writer.node.query("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


# --- failover ---------------------------------------------------------------------------------------------------------


async def test_a_failover_swaps_the_roles_and_keeps_every_row(pair: Aurora) -> None:
    old, new = pair.writer, pair.reader
    pair.fail_over()
    assert pair.record.status == "failing-over"
    await pair.settle()
    assert (pair.writer, pair.reader) == (new, old)
    assert (pair.roles, pair.record.status) == ({old.id: False, new.id: True}, "available")
    assert pair.states == {FIRST: "available", SECOND: "available"}
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    assert await pair.count(pair.reader) == 2
    assert pair.cluster.is_confirming(pair.reader), "the old writer confirms commits now"
    assert pair.messages(CLUSTER) == [
        f"Started cross AZ failover to DB instance: {new.id}",
        f"Completed failover to DB instance: {new.id}",
    ]


async def test_a_failover_cuts_every_session(pair: Aurora) -> None:
    with (
        contextlib.closing(pair.session(pair.writer)) as writing,
        contextlib.closing(pair.session(pair.reader)) as reading,
    ):
        pair.fail_over()
        await pair.settle()
        for session in (writing, reading):
            with pytest.raises(psycopg.OperationalError):
                session.execute("SELECT 1")


async def test_nobody_is_served_while_roles_change(pair: Aurora, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    promote = pair.reader.node.promote

    async def look() -> None:
        seen.append((pair.cluster.writers, pair.cluster.readers))
        await promote()

    monkeypatch.setattr(pair.reader.node, "promote", look)
    pair.fail_over()
    await pair.settle()
    assert seen == [((), ())]


async def test_a_failover_may_name_its_target(postgres_home: Path) -> None:
    third = "cafe-test-3"
    async with aurora(own_state(postgres_home)) as own:
        own.create(FIRST, SECOND, third)
        await own.settle()
        await own.fill()
        own.fail_over(third)
        await own.settle()
        assert own.roles == {FIRST: False, SECOND: False, third: True}
        assert [await own.count(member) for member in own.cluster.members.values()] == [1, 1, 1]


async def test_no_reader_goes_on_with_the_old_writers_data_once_there_is_a_new_one(
    postgres_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = "cafe-test-3"
    async with aurora(own_state(postgres_home)) as own:
        own.create(FIRST, SECOND, third)
        await own.settle()
        successor = own.cluster.members[third].node
        promote, outcomes = successor.promote, list[str]()
        with contextlib.closing(own.session(own.cluster.members[SECOND])) as session:

            async def look() -> None:
                try:
                    session.execute("SELECT 1")
                    outcomes.append("served")
                except psycopg.OperationalError:
                    outcomes.append("cut")
                await promote()

            monkeypatch.setattr(successor, "promote", look)
            own.fail_over(third)
            await own.settle()
        assert outcomes == ["cut"]


async def test_a_target_that_is_no_reader_is_refused(pair: Aurora) -> None:
    writer, reader = pair.writer.id, pair.reader.id
    with pytest.raises(Exception, match=f"{writer} is no reader of {CLUSTER}; it has {reader}"):
        pair.fail_over(writer)


async def test_a_failover_that_was_asked_for_waits_for_a_reader(pair: Aurora) -> None:
    reader = pair.reader
    await pair.die(reader)
    pair.fail_over()
    await pair.settle()
    assert pair.writer is reader


# --- deaths -----------------------------------------------------------------------------------------------------------


async def test_a_dead_writer_is_replaced_and_comes_back_as_a_reader(pair: Aurora) -> None:
    old, new = pair.writer, pair.reader
    await pair.die(old)
    await pair.settle()
    assert (pair.writer, pair.reader) == (new, old)
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    assert await pair.count(pair.reader) == 2


async def test_a_writer_that_has_more_than_anybody_was_told_is_rewound(pair: Aurora) -> None:
    """It dies with a commit that no reader has and that was not acknowledged."""
    old, new = pair.writer, pair.reader
    frozen = freeze(new)
    with contextlib.closing(pair.session(old)) as session:
        waiting = asyncio.create_task(asyncio.to_thread(session.execute, "INSERT INTO orders VALUES (13)"))
        await until_waiting(old)
        await pair.die(old)
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        with pytest.raises(psycopg.OperationalError):
            await waiting
    await pair.settle()
    assert pair.writer is new
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    rows = await pair.ask(pair.writer, "SELECT id FROM orders ORDER BY id")
    await pair.replayed()
    assert await pair.ask(pair.reader, "SELECT id FROM orders ORDER BY id") == rows


async def test_a_reader_that_may_lack_a_commit_is_never_promoted(pair: Aurora, monkeypatch: pytest.MonkeyPatch) -> None:
    old = pair.writer

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(rds_cluster, "join", never)
    await pair.die(pair.reader)
    await reconcile(pair.controller)
    await pair.ask(old, "INSERT INTO orders VALUES (2)")
    await pair.die(old)
    pair.fail_over()
    await reconcile(pair.controller)
    monkeypatch.undo()
    await pair.settle()
    assert await pair.count(pair.writer) == 2, "the writer came back where it was; only then was there a failover"
    assert pair.messages(old.id)[:2] == ["DB instance shutdown", "DB instance restarted"]


async def test_a_dead_reader_holds_nobody_up_and_confirms_again(pair: Aurora) -> None:
    await pair.die(pair.reader)
    await reconcile(pair.controller)
    assert pair.cluster.readers == ()
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    await pair.settle()
    assert pair.cluster.is_confirming(pair.reader)
    assert await pair.count(pair.reader) == 2
    assert "Replication has stopped" in pair.messages(pair.reader.id)


async def test_a_reader_whose_data_cannot_be_rewound_is_copied_anew(pair: Aurora) -> None:
    await pair.die(pair.reader)
    (pair.reader.node.data / "global" / "pg_control").unlink()
    await pair.settle()
    assert await pair.count(pair.reader) == 1


# --- restarts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_writer", [True, False], ids=["writer", "reader"])
async def test_a_reboot_restarts_the_server_in_its_role(pair: Aurora, is_writer: bool) -> None:
    roles = pair.roles
    member = pair.writer if is_writer else pair.reader
    before = await pair.ask(member, "SELECT pg_postmaster_start_time()")
    assert pair.call("RebootDBInstance", DBInstanceIdentifier=member.id)["DBInstance"].status == "rebooting"
    await pair.settle()
    assert await pair.ask(member, "SELECT pg_postmaster_start_time()") > before
    assert pair.roles == roles
    assert pair.cluster.is_confirming(pair.reader)
    assert pair.messages(member.id)[-1] == "DB instance restarted"


async def test_a_stopped_cluster_starts_again_with_its_data(pair: Aurora) -> None:
    pair.call("StopDBCluster", DBClusterIdentifier=CLUSTER)
    await pair.settle()
    assert (pair.record.status, pair.states) == ("stopped", {FIRST: "stopped", SECOND: "stopped"})
    assert pair.cluster.writers == ()
    pair.call("StartDBCluster", DBClusterIdentifier=CLUSTER)
    await pair.settle()
    assert (pair.record.status, pair.states) == ("available", {FIRST: "available", SECOND: "available"})
    assert await pair.count(pair.reader) == 1


async def test_servers_are_measured_by_instance_and_role(pair: Aurora) -> None:
    with contextlib.closing(pair.session(pair.reader)):
        await measure(pair.world.context.metrics, pair.controller._metrics.asking)
    store = pair.world.context.metrics.store
    found = {(key.name, dict(key.dimensions).get("DBInstanceIdentifier")) for key in store.metrics()}
    assert {(name, each) for name in ("CPUUtilization", "DatabaseConnections") for each in (FIRST, SECOND)} <= found
    assert ("AuroraReplicaLag", pair.reader.id) in found
