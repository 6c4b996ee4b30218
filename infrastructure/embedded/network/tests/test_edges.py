"""Edges: one stable port each, whoever is behind them."""

import pytest

from infrastructure.embedded.network.edges import OWNER, Network
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
