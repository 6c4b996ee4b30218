"""Connections of a client to ports of a pod go through the API server, and end with either side."""

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.stream import portforward

from infrastructure.embedded.kubernetes.api import forwarding
from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.store.errors import ApiError
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import container, listed, pod

pytestmark = pytest.mark.anyio


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
