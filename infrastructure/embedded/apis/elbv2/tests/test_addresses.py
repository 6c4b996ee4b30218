"""A load balancer's DNSName leads to it, and to nobody else. One Envoy serves all tests."""

import asyncio
import http.client
import socket
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from infrastructure.embedded.apis.elbv2.tests.load_balancing import Cloud, Machine, fixed, machine_on
from infrastructure.embedded.network import addresses
from infrastructure.embedded.network.envoy.model import Endpoint
from infrastructure.embedded.tests.wire import eventually
from infrastructure.state import StateFolder

ARN = "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/shop/0123456789abcdef"


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine_on(StateFolder.of("test", tmp_path_factory.mktemp("addresses"))) as machine:
        yield machine


def _status(url: str) -> int | None:
    """Of the answer at an address; None while nobody answers."""
    with closing(http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)) as connection:
        try:
            connection.request("GET", "/")
            return connection.getresponse().status
        except OSError:
            return None


def _resolved(name: str) -> set[str]:
    return {str(found[4][0]) for found in socket.getaddrinfo(name, 80, socket.AF_INET)}


async def _answers(url: str, expected: int) -> None:
    async def reached() -> bool:
        return await asyncio.to_thread(_status, url) == expected

    await eventually(reached)


def _name(cloud: Cloud) -> str:
    [balancer] = cloud.call("DescribeLoadBalancers", LoadBalancerArns=[cloud.balancer])["LoadBalancers"]
    return str(balancer.dns_name)


def _url(cloud: Cloud, listener: str) -> str:
    [described] = cloud.call("DescribeTags", ResourceArns=[listener])["TagDescriptions"]
    return str(described["Tags"]["aws:cloudcafe:url"])


def test_a_balancers_name_resolves_to_this_machine_and_its_port_is_told(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        name = _name(cloud)
        assert all(found.startswith("127.") for found in _resolved(name))
        url = _url(cloud, cloud.listener)
        assert url.startswith(f"http://{name}")
        await _answers(f"{url}/", 404)
        [tags] = cloud.call("DescribeTags", ResourceArns=[cloud.balancer])["TagDescriptions"]
        assert tags["Tags"] == {"Project": "cloudcafe"}, "a balancer has as many as listeners"

    machine.run(test)


@pytest.mark.skipif(not addresses.has_own_addresses(), reason="loopback is 127.0.0.1 alone on this system")
def test_a_port_that_everybody_may_open_is_the_listeners_own(machine: Machine) -> None:
    async def test(cloud: Cloud) -> None:
        name = _name(cloud)
        with closing(socket.create_server((name, 0))) as free:
            port = free.getsockname()[1]
        made = {"LoadBalancerArn": cloud.balancer, "Protocol": "HTTP", "DefaultActions": [fixed("418")]}
        [listener] = cloud.call("CreateListener", Port=port, **made)["Listeners"]
        await _answers(f"http://{name}:{port}/", 418)
        assert _url(cloud, listener.arn) == f"http://{name}:{port}"
        with closing(socket.create_server((name, 0))) as free:
            other = free.getsockname()[1]
        cloud.call("ModifyListener", ListenerArn=listener.arn, Port=other)
        await _answers(f"http://{name}:{other}/", 418)
        cloud.call("DeleteListener", ListenerArn=listener.arn)
        await eventually(lambda: _is_closed(name, other))

    machine.run(test)


async def _is_closed(host: str, port: int) -> bool:
    return await asyncio.to_thread(_status, f"http://{host}:{port}/") is None


def test_every_balancer_has_an_address_of_its_own_that_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "has_own_addresses", lambda: True)
    assert addresses.address_of(ARN) == addresses.address_of(ARN)
    assert addresses.address_of(ARN) != addresses.address_of(ARN[:-1])
    monkeypatch.setattr(addresses, "has_own_addresses", lambda: False)
    assert addresses.address_of(ARN) == "127.0.0.1"


@pytest.mark.parametrize(
    ("host", "wanted", "is_free", "expected"),
    [
        ("127.70.1.2", 80, True, 20_001),
        ("127.70.1.2", 8080, True, 8080),
        ("127.70.1.2", 8080, False, 20_001),
        ("127.0.0.1", 8080, True, 20_001),
    ],
    ids=["below the lowest", "free", "taken", "shared address"],
)
def test_a_listener_has_its_own_port_where_it_can(
    monkeypatch: pytest.MonkeyPatch, host: str, wanted: int, is_free: bool, expected: int
) -> None:
    monkeypatch.setattr(addresses, "lowest_port", lambda: 1024)
    monkeypatch.setattr(addresses, "is_free", lambda _host, _port: is_free)
    assert addresses.entrance(host, wanted, 20_001) == Endpoint(host, expected)


def test_a_url_leaves_out_the_port_that_http_has() -> None:
    urls = [addresses.url(Endpoint("127.70.1.2", port)) for port in (80, 8080)]
    assert urls == ["http://127.70.1.2", "http://127.70.1.2:8080"]
