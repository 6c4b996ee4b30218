"""The parts under a database cluster: the wire, the settings, servers that die and leave nothing."""

import asyncio
import itertools
import os
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psycopg
import pytest

from infrastructure.embedded.engines.postgres.copies import ACCOUNT
from infrastructure.embedded.engines.postgres.engine import NodeSpec, PostgresEngine, PostgresNode
from infrastructure.embedded.engines.postgres.settings import ServerSettings, Size, configuration, synchronous, verifier
from infrastructure.embedded.engines.postgres.wire import PostgresConnection, PostgresError, identifier, literal
from infrastructure.embedded.host import binaries, proctree, residue, sysv
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.host.tests.test_death_with_parent import supervised
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.processes import has_ended
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def state(postgres_home: Path) -> StateFolder:
    return StateFolder.of("nodes", postgres_home)


@pytest.fixture(scope="module")
async def engine(state: StateFolder) -> AsyncIterator[PostgresEngine]:
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    yield PostgresEngine(supervisor, ports, state)
    await supervisor.close()
    ports.close()
    state.remove_run()


@pytest.fixture(scope="module")
async def server(engine: PostgresEngine) -> AsyncIterator[PostgresNode]:
    """A server that runs."""
    node = await fresh(engine)
    await node.start()
    yield node
    await node.kill()


async def fresh(engine: PostgresEngine) -> PostgresNode:
    spec = NodeSpec(
        name=f"node-{next(_numbers)}", resource="node", az="a", port=engine.allocate(), size=Size.of("db.t4g.medium")
    )
    node = engine.node(spec)
    await engine.copies.fresh(node.data, spec.resource)
    return node


# --- the wire and the words -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("SELECT 1, NULL, 'ä'", [("1", None, "ä")]),
        ("SELECT generate_series(1, 3)", [("1",), ("2",), ("3",)]),
        ("SET search_path = public", []),
        ("SELECT 1 WHERE false", []),
        ("SELECT 1; SELECT 2", [("1",), ("2",)]),
        ("", []),
    ],
)
async def test_rows_come_back_as_text(server: PostgresNode, statement: str, rows: list[object]) -> None:
    assert await server.query(statement) == rows


async def test_a_refused_statement_says_why_and_the_connection_goes_on(server: PostgresNode) -> None:
    with pytest.raises(PostgresError, match=r"division by zero \(SQLSTATE 22012\)") as refusal:
        await server.query("SELECT 1/0")
    assert refusal.value.sqlstate == "22012"
    assert await server.value("SELECT 2") == "2"


async def test_a_question_that_takes_too_long_costs_its_connection_only(server: PostgresNode) -> None:
    with pytest.raises(TimeoutError):
        await server.query("SELECT pg_sleep(60)", timeout_s=0.05)
    assert await server.value("SELECT 2") == "2", "the next one gets a connection of its own"


async def test_those_who_ask_at_once_share_one_connection(
    server: PostgresNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[PostgresConnection] = []
    connect = server.connect

    async def counting(database: str = "postgres") -> PostgresConnection:
        opened.append(await connect(database))
        return opened[-1]

    monkeypatch.setattr(server, "connect", counting)
    server._hang_up()
    assert await asyncio.gather(*(server.value("SELECT 1") for _ in range(4))) == ["1"] * 4
    assert len(opened) == 1, "another would stay open, with nobody to close it"


async def test_log_that_no_commit_asks_for_is_written_out_on_demand(server: PostgresNode) -> None:
    written = await server.value("SELECT pg_create_restore_point('unasked')")
    await server.flush_log()
    assert await server.value(f"SELECT pg_current_wal_flush_lsn() >= {literal(written)}") == "t"
    assert await server.value("SHOW synchronous_commit") == "on", "for the platform's other statements"


async def test_an_unknown_user_is_turned_away(engine: PostgresEngine, server: PostgresNode) -> None:
    with pytest.raises(PostgresError, match="28000"):
        await PostgresConnection.open(engine.address(server.spec.port), "somebody")


async def test_nobody_there_is_an_os_error(engine: PostgresEngine) -> None:
    with pytest.raises(OSError, match=r"refused|No such file"):
        await PostgresConnection.open(engine.address(1), "rdsadmin")


@pytest.mark.parametrize("text", ["plain", "it's", 'a "name"', "back\\slash", "'; DROP TABLE x; --", "ünï"])
async def test_what_is_quoted_comes_back_as_it_was(server: PostgresNode, text: str) -> None:
    assert await server.query(f"SELECT {literal(text)} AS {identifier(text)}") == [(text,)]


def test_a_password_is_kept_as_rfc_7677_computes_it() -> None:
    kept = verifier("pencil", bytes(range(16)))
    assert kept.startswith("SCRAM-SHA-256$4096:AAECAwQFBgcICQoLDA0ODw==$")
    assert "pencil" not in kept


async def test_a_password_set_by_its_verifier_opens_the_door(server: PostgresNode) -> None:
    await server.query(f"CREATE ROLE clerk LOGIN PASSWORD {literal(verifier('it is ours', os.urandom(16)))}")
    door = f"host=127.0.0.1 port={server.spec.port} user=clerk dbname=postgres"
    with psycopg.connect(door, password="it is ours") as session:
        assert session.execute("SELECT current_user::text").fetchone() == ("clerk",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(door, password="it is not")


@pytest.mark.parametrize(
    ("standbys", "setting"),
    [((), ""), (("b",), 'FIRST 1 ("b")'), (("b", "a"), 'FIRST 2 ("a", "b")')],
    ids=["nobody", "one", "all"],
)
def test_every_standby_has_to_confirm(standbys: tuple[str, ...], setting: str) -> None:
    assert synchronous(standbys) == setting


@pytest.mark.parametrize(("version", "expected"), [(16, False), (18, True)])
def test_a_server_is_told_only_what_its_version_knows(version: int, expected: bool) -> None:
    settings = ServerSettings(
        name="a", port=1, sockets="@s", folder="/f", connections=9, version=version, passwords="/p"
    )
    assert ("io_method" in configuration(settings)) is expected


def test_connections_are_what_auroras_formula_gives() -> None:
    assert (Size.of("db.t4g.medium").connections, Size.of("db.r6g.xlarge").connections) == (450, 3604)


# --- death ------------------------------------------------------------------------------------------------------------


async def test_a_killed_server_leaves_no_process_and_no_shared_memory(engine: PostgresEngine) -> None:
    node = await fresh(engine)
    await node.start()
    segment = int((node.data / "postmaster.pid").read_text().splitlines()[6].split()[1])
    assert segment in segments()
    working = asyncio.create_task(node.query(BUSY, timeout_s=60))
    await until(lambda: len(list(proctree.with_directory(str(node.data)))) > 5)
    await node.kill()
    with pytest.raises(ConnectionError):  # reset, closed or a broken pipe: by what its socket was doing
        await working
    assert list(proctree.with_directory(str(node.data))) == []
    assert segment not in segments()
    await node.start()
    assert await node.value("SELECT 1") == "1", "it starts again on its data"
    await node.remove()
    assert not node.folder.exists()


async def test_sessions_at_work_die_with_the_platform(state: StateFolder) -> None:
    """PostgreSQL's own children notice a dead server only when they wait for something."""
    other = StateFolder.of("killed", state.root.parents[1])
    supervisor, ports = Supervisor(other, zygote=processes.LIGHT_ZYGOTE), Ports()
    engine = PostgresEngine(supervisor, ports, other)
    node = await fresh(engine)
    await node.start()
    await node.stop()
    await supervisor.close()
    argv = [str(binaries.find("postgres").path), "-D", str(node.data), "-c", f"config_file={node.configuration}"]
    spec: dict[str, object] = {"id": "server", "argv": argv, "entry": None, "account": ACCOUNT}
    spec["owns"] = str(engine.folder)
    with supervised(other, spec) as (parent, _):
        connection = await opened(engine, node)
        working = asyncio.create_task(connection.query(BUSY, timeout_s=60))
        await until(lambda: len(sessions(node)) > 5)
        pids = sessions(node)
        server = int((node.data / "postmaster.pid").read_text().splitlines()[0])
        assert list(sysv.segments_of({server})) != []
        parent.kill()
        assert [pid for pid in pids if not has_ended(pid, 2.0)] == []
        with pytest.raises(OSError, match="onnection"):
            await working
    assert residue.sweep(other) == ()
    assert list(sysv.segments_of({server})) == [], "it was never told to free its memory with the server"
    ports.close()
    other.remove_run()


async def test_a_server_that_cannot_start_says_why(engine: PostgresEngine) -> None:
    node = await fresh(engine)
    (node.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(EnvironmentFault, match="ended with 1") as fault:
        await node.start()
    assert any("version" in line for line in fault.value.log)
    await node.remove()


async def test_a_tool_that_fails_shows_what_it_said(engine: PostgresEngine) -> None:
    node = await fresh(engine)
    with pytest.raises(EnvironmentFault, match="pg_rewind for node ended with 1") as fault:
        await engine.copies.rewind(node.data, "node", 1, node.configuration)
    assert any("connection to server" in line for line in fault.value.log)


def test_psql_is_found_beside_its_server_and_runs() -> None:
    said = subprocess.run([binaries.postgres_tool("psql"), "--version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("psql (PostgreSQL) ")
    with pytest.raises(EnvironmentFault, match="comes without no-such-tool"):
        binaries.postgres_tool("no-such-tool")


BUSY = "SELECT count(*) FROM generate_series(1, 10000000000)"
"""Works for minutes and waits for nothing."""


def segments() -> set[int]:
    """The System V segments of this machine."""
    lines = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return {int(line.split()[1]) for line in lines}


def sessions(node: PostgresNode) -> list[int]:
    return list(proctree.with_directory(str(node.data)))


async def opened(engine: PostgresEngine, node: PostgresNode) -> PostgresConnection:
    """A connection to a server that somebody else starts."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return await PostgresConnection.open(engine.address(node.spec.port), "rdsadmin")
        except (OSError, PostgresError):
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not look():  # noqa: ASYNC110  the kernel tells nobody
            await asyncio.sleep(0.005)
