"""Edges: one stable port each, whoever is behind them."""

import asyncio

import pytest

from infrastructure.embedded.network.edges import NOWHERE, OWNER, Network, Place
from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint, Fragment, TcpListener, Upstream


class Recorder:
    """Takes what is published, and counts it."""

    def __init__(self) -> None:
        self.published: list[Fragment] = []

    def publish(self, owner: str, fragment: Fragment) -> None:
        assert owner == OWNER
        self.published.append(fragment)


class Counting:
    """Ports from 5001 on."""

    def __init__(self) -> None:
        self.last = 5000

    def allocate(self) -> int:
        self.last += 1
        return self.last


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def network(recorder: Recorder) -> Network:
    return Network(recorder, Counting())


SQS = Endpoint(LOOPBACK, 4000)


def test_each_edge_has_a_port_of_its_own(network: Network) -> None:
    edges = {network.edge(service, upstream) for service in ("order", "payment") for upstream in ("sqs", "dynamodb")}
    assert len(edges) == 4


def test_an_edge_is_the_same_at_every_call(network: Network, recorder: Recorder) -> None:
    assert network.edge("order", "sqs") == network.edge("order", "sqs") == Endpoint(LOOPBACK, 5001)
    assert len(recorder.published) == 1


def test_an_edge_may_come_before_its_upstream(network: Network, recorder: Recorder) -> None:
    edge = network.edge("order", "sqs")
    network.set_upstream("sqs", (SQS,))
    assert recorder.published[0].upstreams == (Upstream(name="sqs"),)
    assert recorder.published[-1] == Fragment(
        listeners=(TcpListener(name="edge-order-sqs", port=edge.port, upstream="sqs"),),
        upstreams=(Upstream(name="sqs", endpoints=(SQS,)),),
    )


def test_an_upstream_that_stays_is_not_published_again(network: Network, recorder: Recorder) -> None:
    network.set_upstream("cache", (Endpoint(LOOPBACK, 2), Endpoint(LOOPBACK, 1)))
    network.set_upstream("cache", (Endpoint(LOOPBACK, 1), Endpoint(LOOPBACK, 2)))
    assert len(recorder.published) == 1


def test_exposed_endpoints_are_read_only(network: Network) -> None:
    network.expose("alb", "http://127.0.0.1:5001")
    assert network.endpoints == {"alb": "http://127.0.0.1:5001"}
    with pytest.raises(TypeError):
        network.endpoints["alb"] = "elsewhere"  # type: ignore[index]  # which is what is shown


def test_a_name_that_is_no_file_name_is_refused(network: Network) -> None:
    with pytest.raises(ValueError, match="cannot name a listener or upstream"):
        network.set_upstream("../etc", (SQS,))


ONE, TWO = Endpoint(LOOPBACK, 4101), Endpoint(LOOPBACK, 4102)


def test_each_member_of_a_set_is_reached_by_an_edge_of_its_own(network: Network, recorder: Recorder) -> None:
    told: list[str] = []
    network.follow("documentdb", lambda: told.append("an edge"))
    network.set_members("documentdb", {"one": ONE}, ("one", "two"), NOWHERE)
    edge = network.edge("menu", "documentdb")
    assert told == ["an edge"]
    face = network.faces("documentdb")[edge.port]
    assert {name: host for name, (host, _) in face.items()} == {"one": LOOPBACK, "two": LOOPBACK}
    assert len({edge.port, *(port for _, port in face.values())}) == 3
    assert network.faces("documentdb")[face["two"][1]] == face
    served = {each.name: each for each in recorder.published[-1].upstreams}
    assert served["documentdb-one"] == Upstream(name="documentdb-one", endpoints=(ONE,), is_announced=True)
    assert served["documentdb-two"].endpoints == ()


def test_an_edge_that_goes_dark_is_dark_for_every_member() -> None:
    async def scenario() -> None:
        network = Network(Recorder(), Counting())
        place = Place(groups=("sg-documents",), port=27017)
        network.set_upstream("documentdb", (ONE,), place, is_announced=True)
        network.set_members("documentdb", {"one": ONE, "two": TWO}, ("one", "two"), place)
        network.stand("menu", Place(groups=("sg-menu",)))
        network.edge("menu", "documentdb")
        network.permits = lambda _source, target: target is not place
        network.review()
        assert set(network.dark()) == {("menu", f"documentdb{each}") for each in ("", "-one", "-two")}
        network.close()

    asyncio.run(scenario())


def test_a_member_that_is_gone_serves_nobody(network: Network, recorder: Recorder) -> None:
    network.set_members("documentdb", {"one": ONE, "two": TWO}, ("one", "two"), NOWHERE)
    network.edge("menu", "documentdb")
    network.set_members("documentdb", {"two": TWO}, ("two",), NOWHERE)
    served = {each.name: each.endpoints for each in recorder.published[-1].upstreams}
    assert (served["documentdb-one"], served["documentdb-two"]) == ((), (TWO,))
    assert all(set(face) == {"two"} for face in network.faces("documentdb").values())


def test_what_changes_at_once_is_published_once(network: Network, recorder: Recorder) -> None:
    network.set_members("documentdb", {"one": ONE}, ("one", "two"), NOWHERE)
    assert len(recorder.published) == 1
    network.edge("menu", "documentdb")
    assert len(recorder.published) == 2
    network.set_members("documentdb", {"two": TWO}, ("two", "three"), NOWHERE)
    assert len(recorder.published) == 3
    assert [each.name for each in recorder.published[-1].listeners] == [
        f"edge-menu-documentdb{each}" for each in ("", "-one", "-two", "-three")
    ]
    network.set_members("documentdb", {"two": TWO}, ("two", "three"), NOWHERE)
    assert len(recorder.published) == 3, "nothing has changed"
