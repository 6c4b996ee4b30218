"""Entrances are listeners and upstreams of Envoy; the platform's own are known by its tag, not by their order."""

from typing import Any

import pytest

from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream
from infrastructure.embedded.tests.ecs_world import FakeNetwork

SERVER, OTHER = Endpoint(LOOPBACK, 7001), Endpoint(LOOPBACK, 7002)


class Place:
    """Of a context only what entrances need."""

    def __init__(self) -> None:
        self.network = self.envoy = FakeNetwork()


def published(*entrances: Entrance) -> FakeNetwork:
    place: Any = Place()
    Entrances(place, "memorydb", "sessions").publish(entrances)
    network: FakeNetwork = place.network
    return network


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([{"Key": "Project", "Value": "cloudcafe"}, {"Key": "Module", "Value": "caching"}], True),
        ([{"Key": "Project", "Value": "another"}], False),
        ([], False),
    ],
    ids=["ours", "another's", "none"],
)
def test_the_platforms_stacks_tag_what_is_theirs(tags: list[dict[str, str]], expected: bool) -> None:
    assert is_platforms(tags) is expected


def test_an_entrance_is_a_listener_in_front_of_its_servers() -> None:
    network = published(Entrance(name="memorydb-a", port=6001, host="127.0.0.2", servers=(SERVER,)))
    assert network.fragments["memorydb"] == Fragment(
        listeners=(TcpListener(name="memorydb-a", port=6001, upstream="memorydb-a", host="127.0.0.2"),),
        upstreams=(Upstream(name="memorydb-a", endpoints=(SERVER,)),),
    )
    assert (network.upstreams, network.endpoints) == ({"sessions": ()}, {})


def test_the_oldest_of_the_platforms_is_the_one_services_reach() -> None:
    theirs = Entrance(name="a", port=6001, servers=(OTHER,))
    ours = [
        Entrance(name=name, port=port, servers=servers, known_as="sessions", url="redis://:{password}@{host}:{port}/0")
        for name, port, servers in (("b", 6002, (SERVER,)), ("c", 6003, (OTHER,)))
    ]
    network = published(theirs, *ours)
    assert network.upstreams == {"sessions": (SERVER,)}
    assert network.endpoints == {"sessions": "redis://:sessions-password@127.0.0.1:6002/0"}
