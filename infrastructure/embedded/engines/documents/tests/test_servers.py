"""Real servers with pymongo in front: roles, failovers under writes, logins, and strangers."""

import asyncio
import os
import signal
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

import bson
import pytest
from pymongo import ReadPreference, WriteConcern, errors

from infrastructure.embedded.engines.documents import cluster as clusters
from infrastructure.embedded.engines.documents.scram import User
from infrastructure.embedded.engines.documents.tests.servers import Client, Servers, eventually, servers
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_one_is_primary_and_takes_writes_and_both_read_the_same(state: StateFolder) -> None:
    async with servers(state) as made, made.client() as client:
        items = client.menu.items
        await items.insert_one({"_id": 1, "name": "latte"})
        secondary = items.with_options(read_preference=ReadPreference.SECONDARY)
        assert await secondary.find_one({"_id": 1}) == {"_id": 1, "name": "latte"}
        assert await client.primary == ("127.0.0.1", made.primary.port)
        assert await client.secondaries == {("127.0.0.1", made.secondary.port)}
        async with made.client(made.secondary, retryWrites=False) as alone:
            with pytest.raises(errors.NotPrimaryError):
                await alone.menu.items.insert_one({"_id": 2})
            with pytest.raises(errors.NotPrimaryError):
                await alone.menu.command({"find": "items", "filter": {}, "$readPreference": {"mode": "primary"}})


Disturbance = Callable[[Servers], Awaitable[None]]


async def _planned(made: Servers) -> None:
    assert await made.cluster.promote()


async def _killed(made: Servers) -> None:
    await made.kill(made.primary)
    await made.step()


async def _acknowledged_during(made: Servers, client: Client, disturb: Disturbance, times: int) -> list[int]:
    """What four writers were told is written, while it is disturbed so often."""
    acknowledged: list[int] = []
    numbers = iter(range(1_000_000))
    is_over = asyncio.Event()

    async def write() -> None:
        while not is_over.is_set():
            number = next(numbers)
            await client.menu.items.insert_one({"n": number})
            await client.menu.counters.update_one({"_id": 1}, {"$inc": {"n": 1}}, upsert=True)
            acknowledged.append(number)

    async with asyncio.TaskGroup() as writers:
        for _ in range(4):
            writers.create_task(write())
        for _ in range(times):
            seen = len(acknowledged)

            async def goes_on(seen: int = seen) -> bool:
                return len(acknowledged) > seen + 50

            await eventually(goes_on)
            await disturb(made)
        seen = len(acknowledged)
        await eventually(goes_on)
        is_over.set()
    return acknowledged


@pytest.mark.parametrize("disturb", [_planned, _killed])
async def test_no_write_is_lost_or_doubled_whoever_is_primary(state: StateFolder, disturb: Disturbance) -> None:
    async with servers(state) as made, made.client() as client:
        await client.menu.counters.insert_one({"_id": 1, "n": 0})
        acknowledged = await _acknowledged_during(made, client, disturb, 3)
        found = [each["n"] async for each in client.menu.items.find({}, {"n": 1})]
        assert sorted(found) == sorted(acknowledged)
        assert (await client.menu.counters.find_one({"_id": 1}) or {})["n"] == len(acknowledged)


async def test_a_primary_that_stood_still_writes_no_more_when_it_goes_on(state: StateFolder) -> None:
    async with servers(state) as made:
        old = made.primary
        assert old.node is not None
        async with made.client(old, retryWrites=False) as client:
            await client.menu.items.insert_one({"_id": 1})
            os.kill(old.node.process.pid, signal.SIGSTOP)
            try:
                assert await made.cluster.promote()
            finally:
                os.kill(old.node.process.pid, signal.SIGCONT)
            with pytest.raises(errors.AutoReconnect):  # hung up on, or told that it is not primary
                await client.menu.items.insert_one({"_id": 2})
        async with made.client(retryWrites=False) as client:
            assert [each["_id"] async for each in client.menu.items.find()] == [1]


async def test_a_primary_that_stands_still_is_replaced(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "_ANSWER_S", 0.1)
    async with servers(state) as made:
        old = made.primary
        assert old.node is not None
        os.kill(old.node.process.pid, signal.SIGSTOP)
        await made.step()
        assert made.primary is not old
        assert old.is_alive


WRONG: tuple[dict[str, Any], ...] = (
    {"password": "wrong"},
    {"username": "nobody"},
    {"authMechanism": "SCRAM-SHA-1", "password": "x"},
)


async def test_a_password_is_asked_for_and_may_be_changed(state: StateFolder) -> None:
    async with servers(state) as made, made.client() as before:
        await before.menu.items.insert_one({})
        for options in WRONG:
            assert await _refusal(made, **options) == 18
        assert await _refusal(made, username=None, password=None) == 13
        for mechanism in ("SCRAM-SHA-1", "SCRAM-SHA-256"):
            assert await _refusal(made, authMechanism=mechanism) is None
        made.cluster.user = User.of("cafe", "another-one")
        await made.cluster.tell()
        await before.menu.items.insert_one({})  # its connections live on
        assert await _refusal(made, password="another-one") is None
        assert await _refusal(made) == 18


async def _refusal(made: Servers, **options: Any) -> int | None:
    async with made.client(**options) as client:
        try:
            await client.menu.items.find_one()
        except errors.OperationFailure as refused:
            return refused.code
    return None


async def test_a_write_without_an_answer_is_done_and_what_cannot_be_done_is_refused(state: StateFolder) -> None:
    async with servers(state) as made, made.client() as client:
        silent = client.menu.items.with_options(write_concern=WriteConcern(0))
        await silent.insert_one({"_id": 1})

        async def is_there() -> bool:
            return await client.menu.items.find_one({"_id": 1}) is not None

        await eventually(is_there)
        with pytest.raises(errors.OperationFailure, match="not provided by the embedded cloud: transactions"):
            async with client.start_session() as session, await session.start_transaction():
                await client.menu.items.insert_one({}, session=session)
        with pytest.raises(errors.OperationFailure, match="no such command"):
            await client.menu.command("frobnicate")
        with pytest.raises(errors.OperationFailure, match="createUser"):
            await client.menu.command("createUser", "x", pwd="y", roles=[])
        for token in ("", "wrong", 1, None):
            with pytest.raises(errors.OperationFailure, match="Authorization failure"):
                await client.admin.command({"cafeOrder": 1, "token": token, "state": {}})


def _message(code: int, content: bytes, length: int | None = None) -> bytes:
    return struct.pack("<iiii", 16 + len(content) if length is None else length, 1, 0, code) + content


def _nested(depth: int) -> bytes:
    document = b"\5\0\0\0\0"
    for _ in range(depth):
        document = struct.pack("<i", len(document) + 8) + b"\3a\0" + document + b"\0"
    return document


HELLO = bson.encode({"hello": 1, "$db": "admin"})
HOSTILE: dict[str, bytes] = {
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tls": bytes.fromhex("16030100f1010000ed0303") + b"\0" * 300,
    "no length": struct.pack("<iiii", 0, 1, 0, 2013),
    "less than a header": struct.pack("<iiii", 15, 1, 0, 2013),
    "negative length": struct.pack("<iiii", -1, 1, 0, 2013),
    "two gigabytes": struct.pack("<iiii", 2**31 - 1, 1, 0, 2013),
    "48 megabytes from a stranger": struct.pack("<iiii", 48_000_000, 1, 0, 2013),
    "unknown operation": _message(2012, b"\0" * 20),
    "compressed": _message(2012, struct.pack("<iiB", 2013, 1 << 30, 2) + b"x"),
    "unknown required flag": _message(2013, struct.pack("<iB", 1 << 5, 0) + HELLO),
    "no section": _message(2013, b"\0" * 4),
    "section beyond the end": _message(2013, struct.pack("<iBi", 0, 0, 1 << 20) + b"x" * 20),
    "section of no length": _message(2013, struct.pack("<iBi", 0, 1, 0) + b"\0" * 8),
    "two bodies": _message(2013, struct.pack("<iB", 0, 0) + HELLO + b"\0" + HELLO),
    "unknown kind": _message(2013, struct.pack("<iB", 0, 7) + HELLO),
    "no document": _message(2013, struct.pack("<iBi", 0, 0, 12) + b"\xff" * 8),
    "nested without end": _message(2013, struct.pack("<iB", 0, 0) + _nested(5000)),
    "sequence without a name": _message(2013, struct.pack("<iB", 0, 0) + HELLO + struct.pack("<Bi", 1, 8) + b"abcd"),
    "query of documents": _message(2004, struct.pack("<i", 0) + b"menu.items\0" + b"\0" * 8 + HELLO),
    "proxy header without end": b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff",
    "proxy header of no version": b"\r\n\r\n\0\r\nQUIT\n\x01\x11\0\x0c" + b"\0" * 12,
}


async def test_hostile_bytes_end_their_own_connection_alone(state: StateFolder) -> None:
    async with servers(state) as made, made.client() as client:
        await client.menu.items.insert_one({"_id": 1})
        port, pid = made.primary.port, made.primary.node.process.pid if made.primary.node else 0
        for name, data in HOSTILE.items():
            assert await asyncio.to_thread(_hung_up, port, data), name
        assert await client.menu.items.find_one({"_id": 1}) == {"_id": 1}
        assert (await _greeting_with_a_checksum(port))["setName"] == "rs0"
        assert made.primary.node is not None
        assert made.primary.node.process.pid == pid
        assert made.primary.node.process.usage().rss_bytes < 150 << 20


def _hung_up(port: int, data: bytes) -> bool:
    """Whether the server ends the connection of somebody who sends this, and then nothing."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stranger:
        try:
            stranger.sendall(data)
            stranger.shutdown(socket.SHUT_WR)
            while stranger.recv(65536):
                pass
        except ConnectionError:
            return True
    return True


async def _greeting_with_a_checksum(port: int) -> dict[str, Any]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_message(2013, struct.pack("<iB", 1, 0) + HELLO + b"\1\2\3\4"))
    (length,) = struct.unpack("<i", await reader.readexactly(4))
    answer: dict[str, Any] = bson.decode((await reader.readexactly(length - 4))[17:])
    writer.close()
    return answer
