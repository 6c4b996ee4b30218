"""RDS over moto's records, with real PostgreSQL servers: endpoints, roles, failover, loss, rejoin, passwords."""

import asyncio
import contextlib
import itertools
import os
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.embedded import proctree
from infrastructure.embedded.controllers import rds_cluster
from infrastructure.embedded.controllers.rds_member import Member
from infrastructure.embedded.engines.envoy_model import Endpoint, Fragment, TcpListener
from infrastructure.embedded.tests.aurora_world import CLUSTER, FIRST, PASSWORD, SECOND, Aurora, aurora
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the platforms of this module lie: they share the template."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
async def db(home: Path) -> AsyncIterator[Aurora]:
    """Databases of a test's own; none yet."""
    async with aurora(StateFolder.of(f"test-{next(_numbers)}", home)) as made:
        yield made


@pytest.fixture(scope="module")
async def shared(home: Path) -> AsyncIterator[Aurora]:
    async with aurora(StateFolder.of("shared", home)) as made:
        made.create(FIRST, SECOND)
        yield made


@pytest.fixture
async def pair(shared: Aurora) -> Aurora:
    """A writer and a reader, whichever is which, and a table with one row; each test leaves such a pair."""
    await shared.settle()
    shared.api.events.clear()
    await shared.ask(
        shared.writer,
        "DROP TABLE IF EXISTS orders; CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)",
    )
    return shared


@pytest.fixture
async def own(db: Aurora) -> Aurora:
    """A pair that a test may take apart: the first instance is the writer."""
    db.create(FIRST, SECOND)
    await db.settle()
    await db.ask(db.writer, "CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)")
    return db


async def count(db: Aurora, member: Member) -> int:
    if member is not db.writer and len(db.cluster.members) == 2:
        await db.replayed()
    [(rows,)] = await db.ask(member, "SELECT count(*) FROM orders")
    return int(rows)


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


# --- a cluster comes up -----------------------------------------------------------------------------------------------


async def test_endpoints_are_true_before_anything_runs(db: Aurora) -> None:
    cluster = db.create(FIRST, SECOND)
    assert (cluster.endpoint, cluster.reader_endpoint) == ("127.0.0.1", "127.0.0.2")
    assert db.controller.unsettled() == (f"database cluster {CLUSTER} is creating",)
    await db.settle()
    assert [(each.name, each.host, each.port) for each in db.fragment.listeners if isinstance(each, TcpListener)] == [
        (f"aurora-{CLUSTER}-writer", "127.0.0.1", cluster.port),
        (f"aurora-{CLUSTER}-reader", "127.0.0.2", cluster.port),
    ]
    assert db.world.network.endpoints == {
        "aurora_writer": f"postgresql://127.0.0.1:{cluster.port}/cafe",
        "aurora_reader": f"postgresql://127.0.0.2:{cluster.port}/cafe",
    }


async def test_the_first_instance_writes_and_the_others_read(own: Aurora) -> None:
    assert own.roles == {FIRST: True, SECOND: False}
    assert own.states == {FIRST: "available", SECOND: "available"}
    assert {name: each.availability_zone[-1] for name, each in own.api.databases.items()} == {FIRST: "a", SECOND: "b"}
    assert own.world.network.upstreams["aurora-writer"] == (Endpoint("127.0.0.1", own.api.databases[FIRST].port),)
    assert own.world.network.upstreams["aurora-reader"] == (Endpoint("127.0.0.1", own.api.databases[SECOND].port),)
    assert await count(own, own.reader) == 1, "what was committed is there too"
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await own.ask(own.reader, "INSERT INTO orders VALUES (2)")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"password": "wrong-horse"}, "password authentication failed"),
        ({"user": "rdsadmin"}, "pg_hba.conf rejects connection"),
        ({"user": "postgres"}, "password authentication failed"),
    ],
    ids=["wrong password", "the platform's own user", "nobody's user"],
)
async def test_only_the_master_user_is_let_in(db: Aurora, how: dict[str, Any], message: str) -> None:
    db.create(FIRST)
    await db.settle()
    with pytest.raises(psycopg.OperationalError, match=message):
        await db.ask(db.writer, "SELECT 1", **how)


async def test_a_managed_password_is_in_its_secret_and_opens_the_database(db: Aurora) -> None:
    cluster = db.create(FIRST, master_user_password=None, manage_master_user_password=True)
    await db.settle()
    secret = cluster.master_user_secret
    assert secret.secret.name.startswith("rds!cluster-")
    credentials = db.controller.credentials(CLUSTER)
    assert (credentials.username, len(credentials.password)) == ("cafe", 32)
    assert await db.ask(db.writer, "SELECT current_user::text", password=credentials.password) == [("cafe",)]


async def test_with_one_instance_the_reader_endpoint_serves_the_writer(db: Aurora) -> None:
    db.create(FIRST)
    await db.settle()
    assert db.cluster.readers == db.cluster.writers == (db.writer.node.endpoint,)


async def test_a_reader_that_is_added_later_has_what_was_there_before(db: Aurora) -> None:
    db.create(FIRST)
    await db.settle()
    await db.ask(db.writer, "CREATE TABLE orders (id bigint PRIMARY KEY); INSERT INTO orders VALUES (1)")
    db.add(SECOND)
    await db.settle()
    assert db.cluster.is_confirming(db.reader)
    assert await count(db, db.reader) == 1


# --- failover ---------------------------------------------------------------------------------------------------------


async def test_a_failover_swaps_the_roles_and_keeps_every_row(pair: Aurora) -> None:
    old, new = pair.writer, pair.reader
    pair.api.failover_db_cluster(CLUSTER)
    assert pair.record.status == "failing-over"
    await pair.settle()
    assert (pair.writer, pair.reader) == (new, old)
    assert (pair.roles, pair.record.status) == ({old.id: False, new.id: True}, "available")
    assert pair.states == {FIRST: "available", SECOND: "available"}
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    assert await count(pair, pair.reader) == 2
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
        pair.api.failover_db_cluster(CLUSTER)
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
    pair.api.failover_db_cluster(CLUSTER)
    await pair.settle()
    assert seen == [((), ())]


async def test_a_failover_may_name_its_target(own: Aurora) -> None:
    own.add("cafe-test-3")
    await own.settle()
    own.api.failover_db_cluster(CLUSTER, "cafe-test-3")
    await own.settle()
    assert own.roles == {FIRST: False, SECOND: False, "cafe-test-3": True}
    assert [await count(own, member) for member in own.cluster.members.values()] == [1, 1, 1]


async def test_a_dead_writer_is_replaced_and_comes_back_as_a_reader(pair: Aurora) -> None:
    old, new = pair.writer, pair.reader
    await pair.die(old)
    await pair.settle()
    assert (pair.writer, pair.reader) == (new, old)
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    assert await count(pair, pair.reader) == 2


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


async def test_a_reader_that_may_lack_a_commit_is_never_promoted(own: Aurora, monkeypatch: pytest.MonkeyPatch) -> None:
    old = own.writer

    async def never(*_: object, **__: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(rds_cluster, "join", never)
    await own.die(own.reader)
    await own.controller.reconcile()
    await own.ask(old, "INSERT INTO orders VALUES (2)")
    await own.die(old)
    own.api.failover_db_cluster(CLUSTER)
    await own.controller.reconcile()
    monkeypatch.undo()
    await own.settle()
    assert await count(own, own.writer) == 2, "the writer came back where it was; only then was there a failover"
    assert own.messages(FIRST)[1:3] == ["DB instance shutdown", "DB instance restarted"]


async def test_a_failover_that_was_asked_for_waits_for_a_reader(pair: Aurora) -> None:
    reader = pair.reader
    await pair.die(reader)
    pair.api.failover_db_cluster(CLUSTER)
    await pair.settle()
    assert pair.writer is reader


async def test_a_dead_reader_holds_nobody_up_and_confirms_again(pair: Aurora) -> None:
    await pair.die(pair.reader)
    await pair.controller.reconcile()
    assert pair.cluster.readers == ()
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")
    await pair.settle()
    assert pair.cluster.is_confirming(pair.reader)
    assert await count(pair, pair.reader) == 2
    assert "Replication has stopped" in pair.messages(pair.reader.id)


async def test_a_reader_whose_data_cannot_be_rewound_is_copied_anew(pair: Aurora) -> None:
    await pair.die(pair.reader)
    (pair.reader.node.data / "global" / "pg_control").unlink()
    await pair.settle()
    assert await count(pair, pair.reader) == 1


# --- other calls ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_writer", [True, False], ids=["writer", "reader"])
async def test_a_reboot_restarts_the_server_in_its_role(pair: Aurora, is_writer: bool) -> None:
    roles = pair.roles
    member = pair.writer if is_writer else pair.reader
    before = await pair.ask(member, "SELECT pg_postmaster_start_time()")
    assert pair.api.reboot_db_instance(member.id).status == "rebooting"
    await pair.settle()
    assert await pair.ask(member, "SELECT pg_postmaster_start_time()") > before
    assert pair.roles == roles
    assert pair.cluster.is_confirming(pair.reader)
    assert pair.messages(member.id)[-1] == "DB instance restarted"


async def test_when_the_writer_is_deleted_a_reader_takes_over(own: Aurora) -> None:
    own.api.delete_db_instance(db_instance_identifier=FIRST, skip_final_snapshot=True)
    await own.settle()
    assert own.roles == {SECOND: True}
    assert await count(own, own.writer) == 1
    assert own.cluster.readers == own.cluster.writers


async def test_the_data_outlives_the_last_instance(own: Aurora) -> None:
    for instance in (SECOND, FIRST):
        own.api.delete_db_instance(db_instance_identifier=instance, skip_final_snapshot=True)
        await own.settle()
    assert own.cluster.writers == ()
    own.add("cafe-test-3")
    await own.settle()
    assert await count(own, own.writer) == 1


async def test_a_deleted_cluster_leaves_nothing(own: Aurora) -> None:
    folder = own.writer.node.folder.parent
    for instance in (FIRST, SECOND):
        own.api.delete_db_instance(db_instance_identifier=instance, skip_final_snapshot=True)
    own.api.delete_db_cluster(cluster_identifier=CLUSTER)
    await own.controller.reconcile()
    assert (own.fragment, own.world.network.upstreams["aurora-writer"]) == (Fragment(), ())
    assert list(folder.iterdir()) == []
    assert list(proctree.servers_below(str(folder), "postgres")) == []
    assert own.world.context.ports._allocated == set()


async def test_a_stopped_cluster_starts_again_with_its_data(pair: Aurora) -> None:
    pair.api.stop_db_cluster(CLUSTER)
    await pair.settle()
    assert (pair.record.status, pair.states) == ("stopped", {FIRST: "stopped", SECOND: "stopped"})
    assert pair.cluster.writers == ()
    pair.api.start_db_cluster(CLUSTER)
    await pair.settle()
    assert (pair.record.status, pair.states) == ("available", {FIRST: "available", SECOND: "available"})
    assert await count(pair, pair.reader) == 1


async def test_a_new_master_password_counts_at_once_and_cuts_nobody(own: Aurora) -> None:
    with contextlib.closing(own.session(own.writer)) as session:
        await own.api.cafe_calls.set_master_password(CLUSTER, "battery-staple")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await own.ask(own.writer, "SELECT 1")
        await own.replayed()
        assert await own.ask(own.reader, "SELECT 1", password="battery-staple") == [(1,)]
        assert session.execute("SELECT 1").fetchone() == (1,)
    own.api.modify_db_cluster({"db_cluster_identifier": CLUSTER, "master_user_password": PASSWORD + "!"})
    await own.settle()
    assert await own.ask(own.writer, "SELECT 1", password=PASSWORD + "!") == [(1,)]


async def test_a_password_of_nothing_that_runs_is_refused(db: Aurora) -> None:
    with pytest.raises(EnvironmentFault, match="no such Aurora PostgreSQL cluster"):
        await db.controller.set_master_password("other", "battery-staple")
    db.create()
    await db.controller.reconcile()
    with pytest.raises(EnvironmentFault, match="it has no writer now"):
        await db.controller.set_master_password(CLUSTER, "battery-staple")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda db: db.create(), "already exists"),
        (lambda db: db.api.failover_db_cluster(CLUSTER), "has no reader to fail over to"),
        (lambda db: db.api.failover_db_cluster("other"), "other not found"),
        (lambda db: db.api.stop_db_cluster("other"), "other not found"),
        (lambda db: db.api.start_db_cluster(CLUSTER), "is in available state but expected it to be stopped"),
        (lambda db: db.api.reboot_db_instance("other"), "other not found"),
        (lambda db: db.api.delete_db_cluster(CLUSTER), "active members|still contains DB instances"),
        (
            lambda db: db.api.modify_db_cluster(
                {"db_cluster_identifier": CLUSTER, "new_db_cluster_identifier": "other"}
            ),
            "does not rename",
        ),
    ],
    ids=["twice", "no reader", "no cluster", "stop nothing", "start started", "reboot nothing", "members", "rename"],
)
async def test_what_cannot_be_done_is_refused(db: Aurora, ask: Callable[[Aurora], object], message: str) -> None:
    db.create(FIRST)
    await db.settle()
    with pytest.raises(Exception, match=message):
        ask(db)


async def test_a_target_that_is_no_reader_is_refused(pair: Aurora) -> None:
    writer, reader = pair.writer.id, pair.reader.id
    with pytest.raises(Exception, match=f"{writer} is no reader of {CLUSTER}; it has {reader}"):
        pair.api.failover_db_cluster(CLUSTER, writer)


async def test_events_are_found_by_source_category_and_time(own: Aurora) -> None:
    everything = own.api.describe_events()
    assert len(everything) == 3
    assert [event.message for event in own.api.describe_events(FIRST, "db-instance")] == ["DB instance created"]
    assert own.api.describe_events(event_categories=["failover"]) == []
    assert own.api.describe_events(end_time=everything[0].date, duration=5) == everything[:1]
    with pytest.raises(Exception, match="source type"):
        own.api.describe_events(FIRST)


async def test_other_engines_are_records(db: Aurora) -> None:
    db.api.create_db_cluster(
        {
            "db_cluster_identifier": "other",
            "engine": "aurora-mysql",
            "master_username": "cafe",
            "master_user_password": PASSWORD,
        }
    )
    await db.controller.reconcile()
    assert db.fragment == Fragment()


async def test_servers_are_measured_by_instance_and_role(pair: Aurora) -> None:
    with contextlib.closing(pair.session(pair.reader)):
        assert list(pair.controller._metrics.collect(1.0)) == []
        assert pair.controller._metrics._task is not None
        await pair.controller._metrics._task
    store = pair.world.context.metrics.store
    found = {(key.name, dict(key.dimensions).get("DBInstanceIdentifier")) for key in store.metrics()}
    assert {(name, each) for name in ("CPUUtilization", "DatabaseConnections") for each in (FIRST, SECOND)} <= found
    assert ("AuroraReplicaLag", pair.reader.id) in found
