"""The real Envoy routes as AWS documents: conditions, order, actions. One process serves all tests of this file."""

from collections.abc import Iterator
from typing import Any

import pytest

from infrastructure.embedded.network.envoy.model import Condition, Forward, Redirect, Respond, Route, Share, Upstream
from infrastructure.embedded.network.envoy.tests.data_plane import Plane, running
from infrastructure.embedded.tests.wire import request, target
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(StateFolder.of("test", tmp_path_factory.mktemp("envoy"))) as plane:
        yield plane


def yes(*conditions: Condition) -> tuple[Route, ...]:
    """200 where the conditions fit, 404 elsewhere."""
    return (Route(action=Respond(status=200), conditions=conditions), Route(action=Respond(status=404)))


PATH = Condition(field="path", patterns=("/api/orders", "/api/orders/*", "/v?/x"))
HOST = Condition(field="host", patterns=("*.example.com",))
METHOD = Condition(field="method", patterns=("POST", "PUT"))
HEADER = Condition(field="header", name="X-Tier", patterns=("gold*",))
QUERY = Condition(field="query", patterns=("version=v1*", "=exact"))
SOURCE = Condition(field="source", patterns=("127.0.0.8/29", "2001:db8::/32"))
LITERAL = Condition(field="path", patterns=(r"/star\*", "/a.b(c)"))


@pytest.mark.parametrize(
    ("conditions", "path", "extra", "expected"),
    [
        pytest.param((PATH,), "/api/orders", {}, 200, id="path-exact"),
        pytest.param((PATH,), "/api/orders?x=/1", {}, 200, id="path-without-query"),
        pytest.param((PATH,), "/api/orders/", {}, 200, id="path-star-is-empty"),
        pytest.param((PATH,), "/api/orders/a/b?c", {}, 200, id="path-star-crosses-slashes"),
        pytest.param((PATH,), "/v2/x", {}, 200, id="path-one-character"),
        pytest.param((PATH,), "/v/x", {}, 404, id="path-no-character"),
        pytest.param((PATH,), "/api/ordersX", {}, 404, id="path-is-matched-whole"),
        pytest.param((PATH,), "/API/orders", {}, 404, id="path-case-counts"),
        pytest.param((PATH,), "/other?/api/orders", {}, 404, id="path-not-in-query"),
        pytest.param((LITERAL,), "/star*", {}, 200, id="escaped-star"),
        pytest.param((LITERAL,), "/starship", {}, 404, id="escaped-star-is-no-wildcard"),
        pytest.param((LITERAL,), "/a.b(c)", {}, 200, id="no-regular-expression-literal"),
        pytest.param((LITERAL,), "/aXb(c)", {}, 404, id="no-regular-expression"),
        pytest.param((HOST,), "/", {"host": "Shop.Example.com:8080"}, 200, id="host-any-case-any-port"),
        pytest.param((HOST,), "/", {"host": "example.org"}, 404, id="host-other"),
        pytest.param((METHOD,), "/", {"method": "PUT"}, 200, id="method"),
        pytest.param((METHOD,), "/", {"method": "GET"}, 404, id="method-other"),
        pytest.param((HEADER,), "/", {"headers": {"x-tier": "GOLD-plus"}}, 200, id="header"),
        pytest.param((HEADER,), "/", {"headers": {"x-tier": "silver"}}, 404, id="header-other"),
        pytest.param((HEADER,), "/", {}, 404, id="header-missing"),
        pytest.param((QUERY,), "/?a=1&Version=V1.2&b", {}, 200, id="query-pair"),
        pytest.param((QUERY,), "/?any=exact", {}, 200, id="query-any-key"),
        pytest.param((QUERY,), "/?xversion=v1", {}, 404, id="query-key-is-matched-whole"),
        pytest.param((QUERY,), "/version=v1", {}, 404, id="query-not-in-path"),
        pytest.param((SOURCE,), "/", {"source": "127.0.0.9"}, 200, id="source"),
        pytest.param((SOURCE,), "/", {"source": "127.0.0.16"}, 404, id="source-outside"),
        pytest.param(
            (SOURCE,), "/", {"source": "127.0.0.1", "headers": {"x-cafe-peer": "127.0.0.9"}}, 404, id="source-forged"
        ),
        pytest.param((PATH, METHOD), "/api/orders", {"method": "POST"}, 200, id="all-conditions"),
        pytest.param((PATH, METHOD), "/api/orders", {"method": "GET"}, 404, id="one-condition-missing"),
    ],
)
def test_a_route_fits_as_aws_documents(
    plane: Plane, conditions: tuple[Condition, ...], path: str, extra: dict[str, Any], expected: int
) -> None:
    async def test() -> None:
        async with plane.http(*yes(*conditions)) as port:
            assert (await request(port, path, **extra)).status == expected

    plane.run(test())


def test_the_first_route_that_fits_wins(plane: Plane) -> None:
    async def test() -> None:
        everything = Condition(field="path", patterns=("*",))
        routes = (
            Route(action=Respond(status=201), conditions=(PATH,)),
            Route(action=Respond(status=202), conditions=(everything,)),
        )
        async with plane.http(*routes) as port:
            assert (await request(port, "/api/orders")).status == 201
            assert (await request(port, "/else")).status == 202

    plane.run(test())


def test_many_long_patterns_are_accepted(plane: Plane) -> None:
    """AWS allows five values of 128 characters in a rule and a hundred rules on a load balancer."""

    async def test() -> None:
        long = Condition(field="path", patterns=tuple(f"/{n}" + "*a?" * 41 for n in range(5)))
        routes = [Route(action=Respond(status=404), conditions=(long,)) for _ in range(100)]
        async with plane.http(*routes, Route(action=Respond(status=200))) as port:
            assert (await request(port, "/")).status == 200

    plane.run(test())


# --- actions ----------------------------------------------------------------------------------------------------------


def test_a_fixed_response_is_sent_as_it_was_given(plane: Plane) -> None:
    async def test() -> None:
        action = Respond(status=503, content_type="application/json", body='{"closed": true}')
        async with plane.http(Route(action=action)) as port:
            response = await request(port)
            assert (response.status, response.body) == (503, b'{"closed": true}')
            assert response.headers["content-type"] == "application/json"
            assert response.headers["server"] == "awselb/2.0"

    plane.run(test())


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        pytest.param(
            Redirect(status=301, protocol="HTTPS", port="443"),
            "https://shop.example:443/a/b?c=d",
            id="to-https",
        ),
        pytest.param(
            Redirect(status=302, host="www.#{host}", path="/new/#{path}", query="from=#{query}&x=1"),
            "http://www.shop.example:80/new/a/b?from=c=d&x=1",
            id="parts-within-text",
        ),
        pytest.param(Redirect(status=302, path="/closed", query=""), "http://shop.example:80/closed", id="no-query"),
    ],
)
def test_a_redirect_reuses_parts_of_the_request(plane: Plane, action: Redirect, expected: str) -> None:
    async def test() -> None:
        async with plane.http(Route(action=action)) as port:
            response = await request(port, "/a/b?c=d")
            assert (response.status, response.headers["location"]) == (action.status, expected)

    plane.run(test())


def test_weights_divide_the_traffic(plane: Plane) -> None:
    async def test() -> None:
        async with target("one") as one, target("two") as two:
            upstreams = tuple(Upstream(name=t.name, endpoints=(t.endpoint,)) for t in (one, two))
            shares = (Share(upstream="one", weight=3), Share(upstream="two", weight=1))
            async with plane.http(Route(action=Forward(shares=shares)), upstreams=upstreams) as port:
                by = [(await request(port)).by for _ in range(200)]
                assert 110 <= by.count("one") <= 190

    plane.run(test())


def test_a_weight_of_nothing_gets_nothing(plane: Plane) -> None:
    async def test() -> None:
        async with target("one") as one, target("two") as two:
            upstreams = tuple(Upstream(name=t.name, endpoints=(t.endpoint,)) for t in (one, two))
            shares = (Share(upstream="one", weight=0), Share(upstream="two", weight=1))
            async with plane.http(Route(action=Forward(shares=shares)), upstreams=upstreams) as port:
                assert {(await request(port)).by for _ in range(10)} == {"two"}

    plane.run(test())
