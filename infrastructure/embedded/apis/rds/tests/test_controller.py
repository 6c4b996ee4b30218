"""RDS over moto's records, with real PostgreSQL servers: who comes up, who is let in, what is refused, what is left."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infrastructure.embedded.apis.rds.tests.aurora_world import (
    CLUSTER,
    FIRST,
    PASSWORD,
    SECOND,
    Aurora,
    aurora,
    own_state,
)
from infrastructure.embedded.host import proctree
from infrastructure.embedded.network.envoy.model import Endpoint, Fragment, TcpListener
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.errors import EnvironmentFault

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def single(postgres_home: Path) -> AsyncIterator[Aurora]:
    """A cluster of one instance, which no test changes."""
    async with aurora(own_state(postgres_home)) as made:
        made.create(FIRST)
        await made.settle()
        yield made


# --- a cluster comes up -----------------------------------------------------------------------------------------------


async def test_endpoints_are_true_before_anything_runs(db: Aurora) -> None:
    cluster = db.create(FIRST)
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


async def test_the_first_instance_writes_and_the_others_read(pair: Aurora) -> None:
    assert pair.roles == {FIRST: True, SECOND: False}
    assert pair.states == {FIRST: "available", SECOND: "available"}
    assert {name: each.availability_zone[-1] for name, each in pair.api.databases.items()} == {FIRST: "a", SECOND: "b"}
    assert pair.world.network.upstreams["aurora-writer"] == (Endpoint("127.0.0.1", pair.api.databases[FIRST].port),)
    assert pair.world.network.upstreams["aurora-reader"] == (Endpoint("127.0.0.1", pair.api.databases[SECOND].port),)
    assert await pair.count(pair.reader) == 1, "what was committed is there too"
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        await pair.ask(pair.reader, "INSERT INTO orders VALUES (2)")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"password": "wrong-horse"}, "password authentication failed"),
        ({"user": "rdsadmin"}, "pg_hba.conf rejects connection"),
        ({"user": "postgres"}, "password authentication failed"),
    ],
    ids=["wrong password", "the platform's own user", "nobody's user"],
)
async def test_only_the_master_user_is_let_in(single: Aurora, how: dict[str, Any], message: str) -> None:
    with pytest.raises(psycopg.OperationalError, match=message):
        await single.ask(single.writer, "SELECT 1", **how)


async def test_a_managed_password_is_in_its_secret_and_opens_the_database(db: Aurora) -> None:
    cluster = db.create(FIRST, MasterUserPassword=None, ManageMasterUserPassword=True)
    await db.settle()
    secret = cluster.master_user_secret
    assert secret.secret.name.startswith("rds!cluster-")
    credentials = db.controller.credentials(CLUSTER)
    assert (credentials.username, len(credentials.password)) == ("cafe", 32)
    assert await db.ask(db.writer, "SELECT current_user::text", password=credentials.password) == [("cafe",)]


async def test_with_one_instance_the_reader_endpoint_serves_the_writer(single: Aurora) -> None:
    assert single.cluster.readers == single.cluster.writers == (single.writer.node.endpoint,)


async def test_a_cluster_of_somebody_elses_is_not_the_one_services_know(db: Aurora) -> None:
    db.create(tags=[{"Key": "Project", "Value": "another"}])
    await reconcile(db.controller)
    assert len(db.fragment.listeners) == 2
    assert (db.world.network.upstreams["aurora-writer"], db.world.network.endpoints) == ((), {})


async def test_a_reader_that_is_added_later_has_what_was_there_before(db: Aurora) -> None:
    db.create(FIRST)
    await db.settle()
    await db.fill()
    db.add(SECOND)
    await db.settle()
    assert db.cluster.is_confirming(db.reader)
    assert await db.count(db.reader) == 1


# --- calls ------------------------------------------------------------------------------------------------------------


async def test_when_the_writer_is_deleted_a_reader_takes_over(pair: Aurora) -> None:
    pair.delete(FIRST)
    await pair.settle()
    assert pair.roles == {SECOND: True}
    assert await pair.count(pair.writer) == 1
    assert pair.cluster.readers == pair.cluster.writers


async def test_the_data_outlives_the_last_instance(pair: Aurora) -> None:
    for instance in (SECOND, FIRST):
        pair.delete(instance)
        await pair.settle()
    assert pair.cluster.writers == ()
    pair.add("cafe-test-3")
    await pair.settle()
    assert await pair.count(pair.writer) == 1


async def test_a_deleted_cluster_leaves_nothing(pair: Aurora) -> None:
    folder = pair.writer.node.folder.parent
    for instance in (FIRST, SECOND):
        pair.delete(instance)
    pair.delete_cluster()
    await reconcile(pair.controller)
    assert (pair.fragment, pair.world.network.upstreams["aurora-writer"]) == (Fragment(), ())
    assert list(folder.iterdir()) == []
    assert list(proctree.servers_below(str(folder), "postgres")) == []
    assert pair.world.context.ports._allocated == set()


async def test_a_new_master_password_counts_at_once_and_cuts_nobody(pair: Aurora) -> None:
    with contextlib.closing(pair.session(pair.writer)) as session:
        await pair.controller.set_master_password(CLUSTER, "battery-staple")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            await pair.ask(pair.writer, "SELECT 1")
        await pair.replayed()
        assert await pair.ask(pair.reader, "SELECT 1", password="battery-staple") == [(1,)]
        assert session.execute("SELECT 1").fetchone() == (1,)
    pair.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, MasterUserPassword=PASSWORD + "!")
    await pair.settle()
    assert await pair.ask(pair.writer, "SELECT 1", password=PASSWORD + "!") == [(1,)]


async def test_a_rotation_reaches_the_cluster_of_an_arn_and_no_other(pair: Aurora) -> None:
    [password_of] = pair.world.context.couplings.master_passwords
    arn = pair.world.backends.rds.clusters[CLUSTER].db_cluster_arn
    set_password = password_of(arn)
    assert set_password is not None
    await set_password("battery-staple")
    assert await pair.ask(pair.writer, "SELECT 1", password="battery-staple") == [(1,)]
    assert password_of(f"{arn}-other") is None


async def test_a_password_of_nothing_that_runs_is_refused(db: Aurora) -> None:
    with pytest.raises(EnvironmentFault, match="no such Aurora PostgreSQL cluster"):
        await db.controller.set_master_password("other", "battery-staple")
    db.create()
    await reconcile(db.controller)
    with pytest.raises(EnvironmentFault, match="it has no writer now"):
        await db.controller.set_master_password(CLUSTER, "battery-staple")


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda db: db.create(), "already exists"),
        (lambda db: db.fail_over(), "has no reader to fail over to"),
        (lambda db: db.fail_over(cluster="other"), "other not found"),
        (lambda db: db.call("StopDBCluster", DBClusterIdentifier="other"), "other not found"),
        (
            lambda db: db.call("StartDBCluster", DBClusterIdentifier=CLUSTER),
            "is in available state but expected it to be stopped",
        ),
        (lambda db: db.call("RebootDBInstance", DBInstanceIdentifier="other"), "other not found"),
        (lambda db: db.delete_cluster(), "active members|still contains DB instances"),
        (
            lambda db: db.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, NewDBClusterIdentifier="other"),
            "another name or port",
        ),
    ],
    ids=["twice", "no reader", "no cluster", "stop nothing", "start started", "reboot nothing", "members", "rename"],
)
async def test_what_cannot_be_done_is_refused(single: Aurora, ask: Callable[[Aurora], object], message: str) -> None:
    with pytest.raises(Exception, match=message):
        ask(single)


async def test_events_are_found_by_source_category_and_time(single: Aurora) -> None:
    everything = single.events()
    assert len(everything) == 2
    found = single.events(SourceIdentifier=FIRST, SourceType="db-instance")
    assert [event.message for event in found] == ["DB instance created"]
    assert single.events(EventCategories=["failover"]) == []
    assert single.events(EndTime=everything[0].date, Duration=5) == everything[:1]
    with pytest.raises(Exception, match="source type"):
        single.events(SourceIdentifier=FIRST)
