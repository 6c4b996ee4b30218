"""Connections of a client to ports of a pod go through the API server, and end with either side."""

import asyncio
import http.client
import os
import re
import sys
import threading
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import portforward

from infrastructure.embedded.kubernetes.api import forwarding, spdy
from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import container, deployment, listed, pod, service, sleeper
from infrastructure.embedded.kubernetes.tests.world import processes, until

pytestmark = pytest.mark.anyio
ECHO = """
import os, socket
server = socket.create_server((os.environ["POD_IP"], 7000))
print("listens", flush=True)
while True:
    with server.accept()[0] as link:
        while part := link.recv(65536):
            link.sendall(part)
"""


@pytest.fixture
async def one(kube: Kubectl) -> Kubectl:
    """A pod called `one` that serves at port 8080."""
    await kube("apply", "-f", "-", given=listed(pod(containers=[container()])))
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")
    return kube


@contextmanager
def forwarded(cluster: Cluster, *ports: int) -> Iterator[Any]:
    """By the official client, which leaves its socket open when the server has closed it."""
    with config.new_client_from_config(str(cluster.kubeconfig)) as api:
        call = client.CoreV1Api(api).connect_get_namespaced_pod_portforward
        link = portforward(call, "one", "default", ports=",".join(map(str, ports)))
    proxies = [each for each in threading.enumerate() if each.name.startswith("Kubernetes port forward proxy")]
    try:
        yield link
    finally:
        link.close()
        for each in proxies:
            each.join(10)
        link.websocket.shutdown()


def asked(link: Any, port: int) -> tuple[int, bytes]:
    """What a web server says at the other end of a port; it closes the connection afterwards."""
    connection = http.client.HTTPConnection("one.pod", port)
    connection.sock = link.socket(port)
    connection.request("GET", "/", headers={"connection": "close"})
    answer = connection.getresponse()
    return answer.status, answer.read()


async def test_the_official_client_talks_to_a_port_of_a_pod(cluster: Cluster, one: Kubectl) -> None:
    del one

    def talk() -> tuple[int, bytes]:
        with forwarded(cluster, 8080) as link:
            return asked(link, 8080)

    assert await asyncio.to_thread(talk) == (200, b"ok")


async def test_a_port_that_nobody_listens_at_says_so_and_the_others_go_on(cluster: Cluster, one: Kubectl) -> None:
    del one

    def talk() -> tuple[bytes, str, tuple[int, bytes]]:
        with forwarded(cluster, 81, 8080) as link:
            return link.socket(81).recv(10), link.error(81), asked(link, 8080)

    nothing, told, answer = await asyncio.to_thread(talk)
    assert nothing == b""
    assert told.startswith("error forwarding port 81: ")
    assert answer == (200, b"ok")


@asynccontextmanager
async def listening(kube: Kubectl, what: str, port: int) -> AsyncIterator[tuple[int, asyncio.subprocess.Process]]:
    """kubectl that forwards: the port it listens at."""
    begun = await kube.begin("port-forward", what, f":{port}")
    assert begun.stdout is not None
    try:
        line = await asyncio.wait_for(begun.stdout.readline(), 20)
        told = re.match(rb"Forwarding from 127.0.0.1:(\d+) -> ", line)
        assert told is not None, line + (await begun.communicate())[1]
        yield int(told[1]), begun
    finally:
        if begun.returncode is None:
            begun.terminate()
        await begun.communicate()


async def fetched(port: int) -> bytes:
    """The answer to one request of a connection of its own; empty where it is closed without."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    try:
        return (await reader.read()).rpartition(b"\r\n\r\n")[2]
    except ConnectionError:
        return b""
    finally:
        writer.close()


@pytest.mark.parametrize("what", ["pod/web", "deployment/web", "service/web"])
async def test_kubectl_forwards_connections_one_after_the_other_and_at_once(kube: Kubectl, what: str) -> None:
    made = pod("web", containers=[container()]) if what == "pod/web" else deployment(replicas=1)
    made["metadata"]["labels"] = {"app": "web"}
    await kube("apply", "-f", "-", given=listed(made, service()))
    await kube("wait", "pod", "-l", "app=web", "--for=condition=Ready", "--timeout=20s")
    async with listening(kube, what, 80 if what == "service/web" else 8080) as (port, _):
        assert await fetched(port) == b"ok"
        assert await asyncio.gather(*(fetched(port) for _ in range(20))) == [b"ok"] * 20


async def test_much_goes_both_ways_through_kubectl(kube: Kubectl) -> None:
    """More than any buffer on the way holds, to a server that sends back what it gets until the client ends."""
    await kube(
        "apply", "-f", "-", given=listed(pod(containers=[sleeper() | {"command": [sys.executable, "-c", ECHO]}]))
    )
    await kube("wait", "pod/one", "--for=condition=Ready", "--timeout=20s")
    while "listens" not in (await kube.say("logs", "one")).out:
        pass
    given = os.urandom(8 << 20)
    async with listening(kube, "pod/one", 7000) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def write() -> None:
            writer.write(given)
            await writer.drain()
            writer.write_eof()

        _, found = await asyncio.gather(write(), reader.read())
        writer.close()
    assert found == given


async def test_kubectl_says_what_a_port_says_that_nobody_listens_at(one: Kubectl) -> None:
    async with listening(one, "pod/one", 81) as (port, begun):
        assert await fetched(port) == b""
        assert begun.stderr is not None
        told = await asyncio.wait_for(begun.stderr.readline(), 20)
    assert b"error forwarding port 81: " in told


async def test_a_forward_ends_with_its_pod_and_says_so(one: Kubectl, cluster: Cluster) -> None:
    async with listening(one, "pod/one", 8080) as (port, begun):
        assert await fetched(port) == b"ok"
        await one("delete", "pod", "one", "--grace-period=0", "--force")
        await until(lambda: not processes(cluster))
        assert await fetched(port) == b""
        assert begun.stderr is not None
        told = await asyncio.wait_for(begun.stderr.readline(), 20)
    assert b"error forwarding port 8080: " in told


def test_frames_are_read_however_they_are_cut() -> None:
    names = zlib.compressobj(zdict=spdy.DICTIONARY)
    block = b"".join(
        len(each).to_bytes(4, "big") + each for each in (b"streamtype", b"data", b"port", b"80", b"requestid", b"0")
    )
    packed = names.compress((3).to_bytes(4, "big") + block) + names.flush(zlib.Z_SYNC_FLUSH)
    body = (1).to_bytes(4, "big") + bytes(6) + packed
    given = (
        bytes.fromhex("80030001") + len(body).to_bytes(4, "big") + body + spdy.Writer.data(1, b"hello", is_last=True)
    )
    reader = spdy.Reader()
    found = [frame for at in range(len(given)) for frame in reader.frames(given[at : at + 1])]
    assert [(each.kind, each.stream, each.data, each.is_last) for each in found] == [
        (spdy.OPEN, 1, b"", False),
        (spdy.DATA, 1, b"hello", True),
    ]
    assert found[0].names == {"streamtype": "data", "port": "80", "requestid": "0"}


@pytest.mark.parametrize(
    "given",
    [
        bytes.fromhex("8002000100000000"),
        bytes.fromhex("0000000100ffffff"),
        bytes.fromhex("800300010000000c00000001000000000000ffff"),
        spdy.Writer.data(1, b"")[:4] + b"\0\xff\xff\xff",
    ],
    ids=["version", "long", "names", "longest"],
)
def test_what_is_no_spdy_is_told_apart(given: bytes) -> None:
    with pytest.raises(spdy.Broken):
        list(spdy.Reader().frames(given))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", 'query parameter "ports" is required'),
        ("ports=0", 'unable to parse "0" as a port'),
        ("ports=80,http", 'unable to parse "http" as a port'),
        ("ports=" + ",".join(["80"] * 129), "has channels for 128"),
    ],
    ids=["none", "zero", "name", "many"],
)
def test_what_is_no_port_is_refused_in_words(query: str, told: str) -> None:
    with pytest.raises(ApiError, match=told):
        forwarding.ports_of(query)
