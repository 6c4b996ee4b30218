"""A Service's address is one: connections to it reach its ready pods, and nobody when there are none."""

import asyncio
from collections.abc import AsyncIterator
from ipaddress import ip_address
from typing import Any

import pytest

from infrastructure.embedded.kubernetes.cluster import Cluster
from infrastructure.embedded.kubernetes.controllers.parts import Parts
from infrastructure.embedded.kubernetes.kubelet import service_links
from infrastructure.embedded.kubernetes.network.proxy import ServiceProxy
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.tests.client import Client
from infrastructure.embedded.kubernetes.tests.kubectl import Kubectl
from infrastructure.embedded.kubernetes.tests.manifests import container, deployment, listed, pod, service
from infrastructure.embedded.kubernetes.tests.world import create, pods, running, until
from infrastructure.embedded.lags import SERVICE_PROXY
from infrastructure.embedded.network.envoy.model import Fragment
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.wire import eventually
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
AT = ("default", "web")
SERVICES = "/api/v1/namespaces/default/services"
WHO = """
import http.server, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.environ["HOSTNAME"].encode()
        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler).serve_forever()
"""


@pytest.fixture
async def cluster(state: StateFolder) -> AsyncIterator[Cluster]:
    async with running(state, has_data_plane=True) as made:
        yield made


def who(**more: Any) -> dict[str, Any]:
    """A server that answers with its pod's name."""
    made = container(**more)
    return {**made, "command": [*made["command"][:2], WHO]}


def web(**spec: Any) -> dict[str, Any]:
    made = service()
    made["spec"] |= spec
    return made


def address(cluster: Cluster, name: str = "web") -> str:
    return str(objects.spec(cluster.registry.get(kinds.SERVICE, ("default", name)))["clusterIP"])


async def asked(host: str, port: int = 80) -> str:
    """Who answers a connection of its own; why nobody does."""
    try:
        reader, writer = await asyncio.open_connection(host, port)
    except ConnectionRefusedError:
        return "refused"
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: web\r\nconnection: close\r\n\r\n")
        return (await reader.read()).decode().rpartition("\r\n\r\n")[2]
    except ConnectionError:
        return "reset"
    finally:
        writer.close()


async def answered_by(names: set[str], host: str, port: int = 80) -> None:
    """Wait until just these answer, each in its turn."""

    async def just_these() -> bool:
        return {await asked(host, port) for _ in range(2 * len(names) + 2)} == names

    await eventually(just_these)


async def test_connections_reach_every_ready_pod_in_turn(cluster: Cluster) -> None:
    create(cluster, deployment(containers=[who()]), service())
    await until(lambda: len(pods(cluster)) == 2)
    await answered_by({objects.name(each) for each in pods(cluster)}, address(cluster))


async def test_who_is_not_ready_gets_none_and_without_endpoints_they_are_refused(cluster: Cluster) -> None:
    create(cluster, service())
    host = address(cluster)
    assert await asked(host) == "refused"
    unready = who(readinessProbe={"tcpSocket": {"port": 9}, "periodSeconds": 5})
    create(cluster, deployment(replicas=1, containers=[unready]))
    create(cluster, deployment("other", replicas=1, containers=[who()]))
    cluster.registry.change(kinds.SERVICE, AT, lambda of: of["spec"].update(selector={"app": "other"}))
    await until(lambda: len(pods(cluster)) == 2)
    [ready] = [objects.name(each) for each in pods(cluster) if objects.labels(each)["app"] == "other"]
    await answered_by({ready}, host)
    cluster.registry.change(kinds.SERVICE, AT, lambda of: of["spec"].update(selector={"app": "web"}))
    await answered_by({"refused"}, host)


async def test_a_service_that_is_deleted_is_not_found_any_more(cluster: Cluster) -> None:
    create(cluster, deployment(replicas=1, containers=[who()]), service())
    host = address(cluster)
    await until(lambda: len(pods(cluster)) == 1)
    await answered_by({objects.name(pods(cluster)[0])}, host)
    cluster.registry.delete(kinds.SERVICE, AT)
    await answered_by({"refused"}, host)


async def test_the_last_pod_serves_on_while_it_terminates(cluster: Cluster) -> None:
    hook = {"preStop": {"sleep": {"seconds": 1000}}}
    create(cluster, pod("web", [who(lifecycle=hook)], terminationGracePeriodSeconds=1000), web(selector={"run": "web"}))
    host = address(cluster)
    await answered_by({"web"}, host)
    cluster.registry.delete(kinds.POD, AT)
    await until(lambda: objects.is_deleting(pods(cluster)[0]))
    assert [await asked(host) for _ in range(5)] == ["web"] * 5


async def test_a_node_port_leads_to_the_same_pods(cluster: Cluster, kube: Kubectl) -> None:
    create(cluster, deployment(replicas=1, containers=[who()]), web(type="NodePort"))
    [port] = objects.spec(cluster.registry.get(kinds.SERVICE, AT))["ports"]
    await until(lambda: len(pods(cluster)) == 1)
    await answered_by({objects.name(pods(cluster)[0])}, "127.0.0.1", port["nodePort"])
    assert f"80:{port['nodePort']}/TCP" in await kube("get", "service", "web")
    taken = {**web(type="NodePort"), "metadata": {"name": "again", "namespace": "default"}}
    taken["spec"]["ports"] = [{"port": 80, "nodePort": port["nodePort"]}]
    assert "provided port is already allocated" in await kube("apply", "-f", "-", given=listed(taken), fails=True)


async def test_slices_of_ones_own_lead_where_they_say(cluster: Cluster) -> None:
    """A Service without a selector: its endpoints are whoever somebody writes down, on this machine alone."""
    create(cluster, deployment(replicas=1, containers=[who()]), web(selector=None))
    await until(lambda: objects.status(pods(cluster)[0]).get("podIP") if pods(cluster) else None)
    [one] = pods(cluster)
    addresses = [objects.status(one)["podIP"], "192.0.2.1"]
    cluster.registry.create(
        kinds.ENDPOINT_SLICE,
        {
            "metadata": {"name": "web", "namespace": "default", "labels": {"kubernetes.io/service-name": "web"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [each]} for each in addresses],
            "ports": [{"name": "http", "port": 8080}],
        },
    )
    await answered_by({objects.name(one)}, address(cluster))
    every = cluster.registry.store.all(kinds.EVENT.id)
    assert any("192.0.2.1" in each["message"] for each in every if each["reason"] == "EndpointNotReachable")


async def test_pods_find_the_services_that_there_are(cluster: Cluster) -> None:
    create(cluster, {**service(), "metadata": {"name": "web-shop", "namespace": "default"}})
    found = service_links.links(pod(), cluster.registry.store)
    host = address(cluster, "web-shop")
    assert found["WEB_SHOP_SERVICE_HOST"] == host
    assert found["WEB_SHOP_SERVICE_PORT_HTTP"] == found["WEB_SHOP_SERVICE_PORT"] == "80"
    assert found["WEB_SHOP_PORT"] == found["WEB_SHOP_PORT_80_TCP"] == f"tcp://{host}:80"
    assert found["KUBERNETES_SERVICE_HOST"] == address(cluster, "kubernetes")
    alone = service_links.links(pod(enableServiceLinks=False), cluster.registry.store)
    assert {each.partition("_")[0] for each in alone} == {"KUBERNETES"}


async def test_the_api_server_is_found_at_its_services_address(cluster: Cluster, kube: Kubectl) -> None:
    url = f"https://{address(cluster, 'kubernetes')}:443"

    async def answers() -> bool:
        return (await kube.say("get", "namespaces", f"--server={url}")).code == 0

    await eventually(answers)


async def test_an_address_stays_with_its_service() -> None:
    client = Client()
    await client("POST", SERVICES, service())
    made = (await client("GET", f"{SERVICES}/web")).body
    host = made["spec"]["clusterIP"]
    replaced = service()
    replaced["spec"]["ports"][0]["port"] = 8000
    said = await client("PUT", f"{SERVICES}/web", replaced)
    assert (said.code, said.body["spec"]["clusterIP"]) == (200, host)
    said = await client.patch(f"{SERVICES}/web", {"spec": {"clusterIP": "127.96.9.9"}})
    assert said.code == 422


async def test_who_is_not_kept_takes_no_address() -> None:
    client = Client()
    first = (await client("POST", SERVICES, service())).body["spec"]["clusterIP"]
    refused = {**web(type="NodePort", ports=[{"port": 80, "nodePort": 80}]), "metadata": {"name": "bad"}}
    other = {**service(), "metadata": {"name": "other"}}
    answers = [
        await client("POST", SERVICES, service()),
        await client("POST", f"{SERVICES}?dryRun=All", other),
        await client("POST", SERVICES, refused),
    ]
    assert [each.code for each in answers] == [409, 201, 422]
    second = (await client("POST", SERVICES, other)).body["spec"]["clusterIP"]
    assert int(ip_address(second)) == int(ip_address(first)) + 1


async def test_a_service_that_is_no_node_port_any_more_gives_it_back() -> None:
    client = Client()
    [port] = (await client("POST", SERVICES, web(type="NodePort"))).body["spec"]["ports"]
    said = await client.patch(f"{SERVICES}/web", {"spec": {"type": "ClusterIP"}})
    assert "nodePort" not in said.body["spec"]["ports"][0]
    ports = [{"port": 80, "nodePort": port["nodePort"]}]
    again = {**web(type="NodePort", ports=ports), "metadata": {"name": "again"}}
    assert (await client("POST", SERVICES, again)).code == 201


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ({"type": "LoadBalancer"}, 'supported values: "ClusterIP", "ExternalName", "NodePort"'),
        ({"clusterIP": "10.0.0.1"}, "failed to allocate IP 10.0.0.1"),
        ({"sessionAffinity": "ClientIP"}, "spec.sessionAffinity"),
        ({"ports": [{"port": 53, "protocol": "UDP"}]}, "spec.ports[0].protocol"),
        ({"externalIPs": ["127.0.0.1"]}, "spec.externalIPs"),
        ({"type": "NodePort", "ports": [{"port": 80, "nodePort": 80}]}, "The range of valid ports is 30000-32767"),
    ],
    ids=["balancer", "address", "affinity", "udp", "external", "node-port"],
)
async def test_what_is_not_carried_is_refused(spec: Any, told: str) -> None:
    said = await Client()("POST", SERVICES, web(**spec))
    assert said.code == 422
    assert told in said.body["message"]


async def test_a_headless_service_is_a_record(cluster: Cluster) -> None:
    create(cluster, deployment(replicas=1, containers=[who()]), web(clusterIP="None"))
    await until(lambda: any(each["endpoints"] for each in cluster.registry.store.all(kinds.ENDPOINT_SLICE.id)))
    assert address(cluster) == "None"


class Published:
    """A data plane that keeps what it was told last."""

    fragment = Fragment()

    def publish(self, _owner: str, fragment: Fragment) -> None:
        self.fragment = fragment

    @property
    def addresses(self) -> list[str]:
        return [each.host for upstream in self.fragment.upstreams for each in upstream.endpoints]


async def test_an_endpoint_that_goes_is_found_for_a_moment() -> None:
    client, published, now = Client(), Published(), [0.0]
    proxy = ServiceProxy(Parts.of(client.registry, FAST), published, "test", lambda: now[0])
    client.registry.create(kinds.SERVICE, service())
    labels = {"kubernetes.io/service-name": "web"}
    one, two = ({"addresses": [f"127.64.0.{each}"]} for each in (1, 2))
    made: dict[str, Any] = {
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080}],
    }
    client.registry.create(kinds.ENDPOINT_SLICE, {**made, "endpoints": [one, two]})
    await proxy.reconcile("default/web")
    client.registry.update(kinds.ENDPOINT_SLICE, {**made, "endpoints": [two]})
    again_s = await proxy.reconcile("default/web")
    assert (published.addresses, again_s) == (["127.64.0.1", "127.64.0.2"], SERVICE_PROXY.fast)
    now[0] += SERVICE_PROXY.fast
    assert await proxy.reconcile("default/web") is None
    assert published.addresses == ["127.64.0.2"]
