"""Entrances are listeners and upstreams of Envoy; the platform's own are known by its tag, not by their order."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from infrastructure.embedded.control.endpoints import Entrance, Entrances, is_platforms
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream
from infrastructure.embedded.tests.ecs_world import FakeNetwork

SERVER, OTHER, THIRD = (Endpoint(LOOPBACK, port) for port in (7001, 7002, 7003))


class Place:
    """Of a context only what entrances need."""

    def __init__(self, network: FakeNetwork) -> None:
        self.network = self.envoy = network


def published(*entrances: Entrance) -> FakeNetwork:
    network: FakeNetwork = FakeNetwork()

    async def publish() -> None:
        made(network).publish(entrances)

    asyncio.run(publish())
    return network


def made(network: FakeNetwork) -> Entrances:
    place: Any = Place(network)
    return Entrances(place, "memorydb", "sessions")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([{"Key": "Project", "Value": "cloudcafe"}, {"Key": "Module", "Value": "caching"}], True),
        ([{"Key": "Project", "Value": "another"}], False),
        ([], False),
        ({"Project": "cloudcafe", "Module": "databases"}, True),
        ({"Project": "another"}, False),
    ],
    ids=["ours", "another's", "none", "ours, as a mapping", "another's, as a mapping"],
)
def test_the_platforms_stacks_tag_what_is_theirs(tags: list[dict[str, str]] | dict[str, str], expected: bool) -> None:
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


def at(*servers: Endpoint) -> list[Entrance]:
    return [Entrance(name="a", port=6001, servers=servers, known_as="sessions", stale_s=STALE_S)]


STALE_S = 5.0


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes by hand."""

    now = 100.0

    def time(self) -> float:
        return self.now


def seen_by_clients(story: Callable[[Entrances, Clock], None]) -> tuple[Endpoint, ...]:
    """Where both the listener and the services' edges lead after `story`."""
    network = FakeNetwork()

    async def tell() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Clock)
        story(made(network), loop)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with asyncio.Runner(loop_factory=Clock) as runner:
        runner.run(tell())
    [upstream] = network.fragments["memorydb"].upstreams
    assert network.upstreams == {"sessions": upstream.endpoints}
    return upstream.endpoints


def just_moved(entrances: Entrances, clock: Clock) -> None:
    entrances.publish(at(SERVER))
    entrances.publish(at(OTHER))


def moved_and_told_again(entrances: Entrances, clock: Clock) -> None:
    just_moved(entrances, clock)
    clock.now += STALE_S - 0.1
    entrances.publish(at(OTHER))


def moved_while_nobody_served(entrances: Entrances, clock: Clock) -> None:
    for servers in (at(SERVER), at(), at(OTHER)):
        entrances.publish(servers)


def nobody_serves(entrances: Entrances, clock: Clock) -> None:
    just_moved(entrances, clock)
    entrances.publish(at())


def its_time_is_over(entrances: Entrances, clock: Clock) -> None:
    just_moved(entrances, clock)
    clock.now += STALE_S


def back_where_it_was(entrances: Entrances, clock: Clock) -> None:
    for servers in (at(SERVER), at(), at(SERVER)):
        entrances.publish(servers)


def moved_and_back(entrances: Entrances, clock: Clock) -> None:
    just_moved(entrances, clock)
    entrances.publish(at(SERVER))


def moved_twice(entrances: Entrances, clock: Clock) -> None:
    just_moved(entrances, clock)
    entrances.publish(at(THIRD))


def a_namesake(entrances: Entrances, clock: Clock) -> None:
    entrances.publish(at(SERVER))
    entrances.publish([])
    entrances.publish(at(OTHER))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (just_moved, (SERVER,)),
        (moved_and_told_again, (SERVER,)),
        (moved_while_nobody_served, (SERVER,)),
        (nobody_serves, ()),
        (its_time_is_over, (OTHER,)),
        (back_where_it_was, (SERVER,)),
        (moved_and_back, (SERVER,)),
        (moved_twice, (SERVER,)),
        (a_namesake, (OTHER,)),
    ],
)
def test_clients_go_where_the_name_led_until_its_time_to_live_is_over(
    story: Callable[[Entrances, Clock], None], expected: tuple[Endpoint, ...]
) -> None:
    """Nobody publishes at the end of that time: the entrances do so by themselves."""
    assert seen_by_clients(story) == expected
