"""What goes wrong, or is asked for, while a cluster is busy with something else: nothing is lost, stuck or left."""

from pathlib import Path

import pytest

from infrastructure.embedded.apis.rds import cluster as rds_cluster
from infrastructure.embedded.apis.rds.confirmation import Confirmation
from infrastructure.embedded.apis.rds.member import Credentials, Member
from infrastructure.embedded.apis.rds.tests.aurora_world import CLUSTER, FIRST, SECOND, Aurora
from infrastructure.embedded.engines.postgres.engine import PostgresNode
from infrastructure.embedded.host import proctree
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.errors import EnvironmentFault

pytestmark = pytest.mark.anyio


def is_left_nothing(db: Aurora, folder: Path) -> bool:
    servers = list(proctree.servers_below(str(folder), "postgres"))
    return (servers, list(folder.iterdir()), db.world.context.ports._allocated) == ([], [], set())


# --- an attempt that failed -------------------------------------------------------------------------------------------


async def test_a_reader_that_could_not_be_confirmed_comes_up_again(
    pair: Aurora, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def too_slow(*_: object) -> None:
        raise TimeoutError

    await pair.die(pair.reader)
    with monkeypatch.context() as slow:
        slow.setattr(Confirmation, "add", too_slow)
        await reconcile(pair.controller)
        [task] = [member._task for member in pair.cluster.members.values() if member.is_busy]
        assert task is not None
        await task
    with pytest.raises(TimeoutError):
        await reconcile(pair.controller)
    await pair.settle()
    assert pair.cluster.is_confirming(pair.reader)


async def test_a_writer_that_could_not_be_opened_comes_up_again(db: Aurora, monkeypatch: pytest.MonkeyPatch) -> None:
    async def too_slow(_node: PostgresNode, _credentials: Credentials) -> None:
        raise TimeoutError

    db.create(FIRST)
    with monkeypatch.context() as slow:
        slow.setattr(rds_cluster, "provision", too_slow)
        await reconcile(db.controller)
        task = db.writer._task
        assert task is not None
        await task
    with pytest.raises(TimeoutError):
        await reconcile(db.controller)
    await db.settle()
    assert await db.ask(db.writer, "SELECT 1") == [(1,)]


async def test_a_reader_that_is_deleted_while_the_writer_hangs_is_ended(
    pair: Aurora, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hangs(_confirmation: Confirmation, _writer: Member) -> list[Member]:
        raise TimeoutError

    reader = pair.reader
    ports = set(pair.world.context.ports._allocated)
    pair.delete(reader.id)
    with monkeypatch.context() as hung:
        hung.setattr(Confirmation, "silent", hangs)
        with pytest.raises(TimeoutError):
            await reconcile(pair.controller)
    await pair.settle()
    assert not reader.node.is_alive
    assert not reader.node.folder.exists()
    assert pair.world.context.ports._allocated == ports - {reader.node.spec.port}
    await pair.ask(pair.writer, "INSERT INTO orders VALUES (2)")


async def test_a_writer_that_did_not_hear_that_a_reader_is_lost_is_announced_again(
    pair: Aurora, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise its commits wait for ever for a reader that is on nobody's list."""

    async def unheard(_node: PostgresNode, standbys: tuple[str, ...]) -> None:
        raise TimeoutError

    reader = pair.reader
    pair.delete(reader.id)
    with monkeypatch.context() as deaf:
        deaf.setattr(PostgresNode, "confirm_by", unheard)
        with pytest.raises(TimeoutError):
            await reconcile(pair.controller)
    await pair.settle()
    assert await pair.writer.node.newly_asked("SHOW synchronous_standby_names") == ""


@pytest.mark.parametrize("how", [TimeoutError(), ConnectionError("the server closed the connection")], ids=str)
async def test_a_password_that_a_writer_did_not_answer_is_a_fault(
    pair: Aurora, how: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever changes it waits for the next writer then, and says so in a line."""

    async def unanswered(*_: object, **__: object) -> list[object]:
        raise how

    with monkeypatch.context() as silent:
        silent.setattr(PostgresNode, "query", unanswered)
        with pytest.raises(EnvironmentFault, match=f"its writer {FIRST} does not answer"):
            await pair.controller.set_master_password(CLUSTER, "battery-staple")
    await pair.controller.set_master_password(CLUSTER, "battery-staple")
    pair.password = "battery-staple"
    assert await pair.count(pair.writer) == 1


# --- the end of a cluster ---------------------------------------------------------------------------------------------


async def test_a_cluster_that_is_deleted_after_a_failover_leaves_nothing(pair: Aurora) -> None:
    folder = pair.writer.node.folder.parent
    pair.fail_over()
    await pair.settle()
    assert pair.roles == {FIRST: False, SECOND: True}
    pair.delete(FIRST, SECOND)
    pair.delete_cluster()
    await reconcile(pair.controller)
    assert is_left_nothing(pair, folder)


async def test_a_cluster_of_the_same_name_is_another_cluster(pair: Aurora) -> None:
    pair.delete(FIRST, SECOND)
    pair.delete_cluster()
    port = pair.create(FIRST).port
    await pair.settle()
    assert await pair.ask(pair.writer, "SELECT to_regclass('orders')::text") == [(None,)], "the old data is gone"
    assert {listener.port for listener in pair.fragment.listeners} == {port}
    assert pair.world.context.ports._allocated == {port, pair.writer.node.spec.port}


async def test_a_cluster_that_is_deleted_before_anybody_looked_keeps_no_port(db: Aurora) -> None:
    db.create()
    db.delete_cluster()
    await reconcile(db.controller)
    assert db.world.context.ports._allocated == set()


async def test_a_cluster_that_is_refused_keeps_no_port(db: Aurora) -> None:
    with pytest.raises(Exception, match="MasterUserPassword"):
        db.create(MasterUserPassword="short")
    await reconcile(db.controller)
    assert db.world.context.ports._allocated == set()


# --- calls ------------------------------------------------------------------------------------------------------------


async def test_a_change_that_is_refused_leaves_the_cluster_where_it_is(pair: Aurora) -> None:
    with pytest.raises(Exception, match="shorter than 8 characters"):
        pair.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, MasterUserPassword="short")
    await pair.settle()
    assert await pair.count(pair.writer) == 1


async def test_a_failover_that_nobody_is_left_for_is_given_up(pair: Aurora) -> None:
    pair.fail_over()
    pair.delete(SECOND)
    await pair.settle()
    assert (pair.record.status, pair.roles) == ("available", {FIRST: True})
    assert any("Cluster failover failed" in message for message in pair.messages(CLUSTER))


async def test_a_promotion_tier_counts_from_its_change_on(pair: Aurora) -> None:
    third = "cafe-test-3"
    pair.add(third)
    await pair.settle()
    pair.call("ModifyDBInstance", DBInstanceIdentifier=SECOND, PromotionTier=15)
    pair.call("ModifyDBInstance", DBInstanceIdentifier=third, PromotionTier=0)
    pair.fail_over()
    await pair.settle()
    assert pair.writer.id == third


async def test_a_failover_that_is_asked_for_while_a_writer_is_let_go_is_done_too(
    pair: Aurora, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = "cafe-test-3"
    pair.add(third)
    await pair.settle()
    old = pair.writer.node
    remove = old.remove

    async def ask_and_remove() -> None:
        pair.fail_over()
        await remove()

    monkeypatch.setattr(old, "remove", ask_and_remove)
    pair.delete(FIRST)
    await pair.settle()
    assert pair.cluster.switches == 2
