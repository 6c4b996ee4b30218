"""The description becomes Envoy's files: the same bytes for the same description, and no impossible ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.network.envoy import xds
from infrastructure.embedded.network.envoy.model import (
    Endpoint,
    Forward,
    Fragment,
    HttpListener,
    Respond,
    Route,
    Share,
    TcpListener,
    Upstream,
)

FOLDER = Path("/platform/run/envoy")
ONE, TWO = Endpoint("127.0.0.1", 7001), Endpoint("127.0.0.1", 7002)
FRAGMENT = Fragment(
    listeners=(
        TcpListener(name="edge", port=6001, upstream="cache"),
        HttpListener(name="alb", port=6002, routes=(Route(action=Forward(shares=(Share(upstream="orders"),))),)),
    ),
    upstreams=(Upstream(name="orders", endpoints=(ONE, TWO)), Upstream(name="cache", endpoints=(ONE,))),
)


def resources(name: str) -> list[Any]:
    found: list[Any] = json.loads(xds.files([FRAGMENT], FOLDER)[name])["resources"]
    return found


def test_the_order_of_publishing_does_not_matter() -> None:
    edges = Fragment(listeners=FRAGMENT.listeners[:1], upstreams=FRAGMENT.upstreams[1:])
    balancer = Fragment(listeners=FRAGMENT.listeners[1:], upstreams=FRAGMENT.upstreams[:1])
    assert xds.files([edges, balancer], FOLDER) == xds.files([balancer, edges], FOLDER) == xds.files([FRAGMENT], FOLDER)


def test_a_file_is_written_after_what_it_needs() -> None:
    assert list(xds.files([FRAGMENT], FOLDER)) == [
        "eds-cache.json",
        "eds-orders.json",
        "cds.json",
        "rds-alb.json",
        "lds.json",
    ]


def test_every_listener_is_on_loopback() -> None:
    addresses = [listener["address"]["socket_address"] for listener in resources("lds.json")]
    assert {address["address"] for address in addresses} == {"127.0.0.1"}
    assert {address["port_value"] for address in addresses} == {6001, 6002}


def test_an_upstream_has_its_endpoints_and_nobody_elses() -> None:
    (assignment,) = resources("eds-orders.json")
    (locality,) = assignment["endpoints"]
    ports = [entry["endpoint"]["address"]["socket_address"]["port_value"] for entry in locality["lb_endpoints"]]
    assert ports == [7001, 7002]


def test_the_proxy_never_retries() -> None:
    assert "retry_policy" not in "".join(data.decode() for data in xds.files([FRAGMENT], FOLDER).values())


def test_the_admin_api_listens_on_a_private_socket_only() -> None:
    startup = json.loads(xds.bootstrap(FOLDER, FOLDER / "admin.sock"))
    assert startup["admin"]["address"] == {"pipe": {"path": str(FOLDER / "admin.sock"), "mode": 0o600}}


@pytest.mark.parametrize(
    ("other", "conflict"),
    [
        pytest.param(
            Fragment(listeners=(HttpListener(name="edge", port=6009),)),
            "listener edge is claimed by first and second",
            id="listener",
        ),
        pytest.param(
            Fragment(listeners=(HttpListener(name="new", port=6001),)),
            "port 6001 is claimed by first and second",
            id="port",
        ),
        pytest.param(
            Fragment(upstreams=(Upstream(name="cache"),)),
            "upstream cache is claimed by first and second",
            id="upstream",
        ),
        pytest.param(
            Fragment(listeners=(TcpListener(name="new", port=6009, upstream="cache"),)),
            "second sends to the upstream cache, which it did not publish",
            id="somebody-elses-upstream",
        ),
    ],
)
def test_owners_do_not_get_into_each_others_way(other: Fragment, conflict: str) -> None:
    assert xds.conflicts({"first": FRAGMENT}) == ()
    assert xds.conflicts({"first": FRAGMENT, "second": other}) == (conflict,)


@pytest.mark.parametrize("name", ["", "a.b", "a/b", "../a", "a b", "x" * 129])
def test_a_name_is_safe_in_files_and_statistics(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name a listener or upstream"):
        Upstream(name=name)


def test_without_routes_everything_is_404() -> None:
    listener = HttpListener(name="alb", port=6002)
    (configuration,) = json.loads(xds.files([Fragment(listeners=(listener,))], FOLDER)["rds-alb.json"])["resources"]
    tree = configuration["virtual_hosts"][0]["matcher"]
    assert tree["on_no_match"]["action"]["typed_config"]["direct_response"] == {"status": 404}
    assert "matcher_list" not in tree


def test_the_rest_of_the_routes_is_unreachable_behind_one_without_conditions() -> None:
    routes = (Route(action=Respond(status=201)), Route(action=Respond(status=202)))
    listener = HttpListener(name="alb", port=6002, routes=routes)
    content = xds.files([Fragment(listeners=(listener,))], FOLDER)["rds-alb.json"]
    assert b'"status":201' in content
    assert b'"status":202' not in content
