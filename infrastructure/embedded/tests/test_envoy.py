"""The real Envoy does what the description says. One process serves all tests of this file."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded import binaries
from infrastructure.embedded.binaries import Binary
from infrastructure.embedded.engines import envoy_admin
from infrastructure.embedded.engines.envoy import (
    Condition,
    Endpoint,
    Envoy,
    Forward,
    Fragment,
    HttpListener,
    Redirect,
    Respond,
    Route,
    Share,
    TcpListener,
    Upstream,
)
from infrastructure.embedded.ports import Ports
from infrastructure.embedded.supervisor import Supervisor
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.embedded.tests.wire import Target, eventually, receive, request, send, target
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """A running Envoy, and the runner whose loop it lives on."""

    runner: asyncio.Runner
    supervisor: Supervisor
    envoy: Envoy
    ports: Ports
    folder: Path

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self.runner.run(test)

    @asynccontextmanager
    async def http(
        self, *routes: Route, upstreams: tuple[Upstream, ...] = (), idle_s: float = 5.0
    ) -> AsyncIterator[int]:
        """The port of an HTTP listener with these routes, once it listens and its upstreams are known."""
        port = self.ports.allocate()
        async with self.published(Fragment(listeners=(on(port, *routes, idle_s=idle_s),), upstreams=upstreams)):
            yield port

    @asynccontextmanager
    async def published(self, fragment: Fragment) -> AsyncIterator[None]:
        """`fragment` in effect inside, gone after."""
        self.envoy.publish("test", fragment)
        try:
            for listener in fragment.listeners:
                await eventually(partial(listens, listener.port))
            await eventually(partial(self._knows, {u.name: len(u.endpoints) for u in fragment.upstreams}))
            yield
        finally:
            self.envoy.publish("test", Fragment())
            await eventually(partial(self._knows, {}))

    async def _knows(self, members: dict[str, int]) -> bool:
        stats = await self.envoy.stats(r"^cluster\..*\.membership_total$")
        return {name.split(".")[1]: int(value) for name, value in stats.items()} == members


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    state = StateFolder.of("test", tmp_path_factory.mktemp("envoy"))
    with asyncio.Runner() as runner:
        supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
        envoy = Envoy(supervisor, state)
        ports = Ports()
        runner.run(envoy.start())
        yield Plane(runner=runner, supervisor=supervisor, envoy=envoy, ports=ports, folder=state.run / "envoy")
        runner.run(envoy.close())
        runner.run(supervisor.close())
        ports.close()


def on(port: int, *routes: Route, idle_s: float = 5.0) -> HttpListener:
    return HttpListener(name=f"http-{port}", port=port, routes=routes, group=f"app_x_{port}", idle_timeout_s=idle_s)


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    writer.close()
    return True


def to(upstream: str, *conditions: Condition) -> Route:
    return Route(action=Forward(shares=(Share(upstream=upstream),)), conditions=conditions)


def yes(*conditions: Condition) -> tuple[Route, ...]:
    """200 where the conditions fit, 404 elsewhere."""
    return (Route(action=Respond(status=200), conditions=conditions), Route(action=Respond(status=404)))


# --- routes -----------------------------------------------------------------------------------------------------------

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


# --- what a target learns, and what the client is told when there is none ---------------------------------------------


def test_a_target_learns_who_asked(plane: Plane) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                seen = (await request(port, source="127.0.0.7", headers={"X-Forwarded-For": "203.0.113.9"})).seen
                assert re.split(", ?", seen["x-forwarded-for"]) == ["203.0.113.9", "127.0.0.7"]
                assert (seen["x-forwarded-proto"], seen["x-forwarded-port"]) == ("http", "80")
                assert seen["host"] == "shop.example"
                assert not [name for name in seen if name.startswith(("x-envoy", "x-cafe"))]

    plane.run(test())


NEW_ID = r"1-[0-9a-f]{8}-[0-9a-f]{24}"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param(None, f"Root={NEW_ID}", id="none"),
        pytest.param("Root=1-1-a", f"Self={NEW_ID};Root=1-1-a", id="root-is-kept"),
        pytest.param("Root=1-1-a;Self=1-2-b;Parent=c", f"Self={NEW_ID};Root=1-1-a;Parent=c", id="self-is-renewed"),
        pytest.param("tenant=7", f"Root={NEW_ID};tenant=7", id="fields-are-kept"),
    ],
)
def test_every_request_carries_a_trace_id(plane: Plane, sent: str | None, expected: str) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                seen = (await request(port, headers={} if sent is None else {"X-Amzn-Trace-Id": sent})).seen
                assert re.fullmatch(expected, seen["x-amzn-trace-id"])

    plane.run(test())


def test_trace_ids_differ(plane: Plane) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                ids = [(await request(port)).seen["x-amzn-trace-id"] for _ in range(50)]
                assert len(set(ids)) == len(ids)

    plane.run(test())


def test_a_client_cannot_steer_the_proxy(plane: Plane) -> None:
    """Envoy would obey x-envoy-* headers: retry twice, or give up after a millisecond."""

    async def test() -> None:
        async with target(status=500) as one:
            upstream = Upstream(name="one", endpoints=(one.endpoint,))
            async with plane.http(to("one"), upstreams=(upstream,)) as port:
                steering = {"x-envoy-max-retries": "2", "x-envoy-retry-on": "5xx"}
                assert (await request(port, "/once", headers=steering)).status == 500
                assert one.counts == {"/once": 1}

    plane.run(test())


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a listening socket whose queue is full: further connection attempts get no answer."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listening:
        port = int(listening.getsockname()[1])
        waiting = [socket.socket() for _ in range(3)]
        for client in waiting:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port
        for client in waiting:
            client.close()


def refused_port() -> int:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        return int(closed.getsockname()[1])


@pytest.mark.parametrize(
    ("path", "endpoints", "status"),
    [
        pytest.param("/", lambda _: (), 503, id="no-target"),
        pytest.param("/", lambda _: (Endpoint("127.0.0.1", refused_port()),), 502, id="target-refuses"),
        pytest.param("/reset", lambda one: (one.endpoint,), 502, id="target-cuts-the-connection"),
        pytest.param("/hang", lambda one: (one.endpoint,), 504, id="target-says-nothing"),
    ],
)
def test_a_missing_answer_is_the_status_an_alb_gives(
    plane: Plane, path: str, endpoints: Callable[[Target], tuple[Endpoint, ...]], status: int
) -> None:
    async def test() -> None:
        async with target() as one:
            upstream = Upstream(name="one", endpoints=endpoints(one))
            async with plane.http(to("one"), upstreams=(upstream,), idle_s=0.2) as port:
                response = await request(port, path)
                assert response.status == status
                assert response.headers["server"] == "awselb/2.0"
                assert f"<title>{status} ".encode() in response.body

    plane.run(test())


def test_a_target_that_does_not_accept_is_504(plane: Plane) -> None:
    async def test() -> None:
        with full_backlog() as port_of_target:
            upstream = Upstream(name="full", endpoints=(Endpoint("127.0.0.1", port_of_target),), connect_timeout_s=0.2)
            async with plane.http(to("full"), upstreams=(upstream,)) as port:
                assert (await request(port)).status == 504

    plane.run(test())


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_route_change_keeps_connections(plane: Plane) -> None:
    async def test() -> None:
        async with plane.http(Route(action=Respond(status=200))) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)

            async def answers(status: int) -> bool:
                await send(writer, "/", "GET", {"Host": "x"})
                return (await receive(reader)).status == status

            assert await answers(200)
            plane.envoy.publish("test", Fragment(listeners=(on(port, Route(action=Respond(status=201))),)))
            await eventually(lambda: answers(201))
            writer.close()

    plane.run(test())


def test_a_request_under_way_survives_its_targets_removal(plane: Plane) -> None:
    async def test() -> None:
        async with (
            target("one") as one,
            target("two") as two,
            plane.http(to("group"), upstreams=(upstream_of(one),)) as port,
        ):
            under_way = asyncio.create_task(request(port, "/hang"))
            await one.arrived.wait()
            plane.envoy.publish("test", Fragment(listeners=(on(port, to("group")),), upstreams=(upstream_of(two),)))

            async def goes_to_two() -> bool:
                return (await request(port)).by == "two"

            await eventually(goes_to_two)
            one.release.set()
            assert (await under_way).by == "one"

    plane.run(test())


def upstream_of(*targets: Target) -> Upstream:
    return Upstream(name="group", endpoints=tuple(t.endpoint for t in targets))


def test_a_changed_endpoint_touches_one_file(plane: Plane) -> None:
    async def test() -> None:
        port = plane.ports.allocate()
        plane.envoy.publish("test", Fragment(listeners=(on(port, to("group")),), upstreams=(Upstream(name="group"),)))
        written = {path.name: path.stat().st_mtime_ns for path in plane.folder.iterdir()}
        moved = Upstream(name="group", endpoints=(Endpoint("127.0.0.1", 9),))
        plane.envoy.publish("test", Fragment(listeners=(on(port, to("group")),), upstreams=(moved,)))
        changed = {path.name for path in plane.folder.iterdir() if written.get(path.name) != path.stat().st_mtime_ns}
        assert changed == {"eds-group.json"}
        plane.envoy.publish("test", Fragment())
        assert {path.name for path in plane.folder.iterdir() if "group" in path.name} == set()

    plane.run(test())


def test_an_impossible_fragment_changes_nothing(plane: Plane) -> None:
    async def test() -> None:
        async with plane.http(Route(action=Respond(status=200))) as port:
            with pytest.raises(ValueError, match=f"port {port} is claimed by test and other"):
                plane.envoy.publish("other", Fragment(listeners=(HttpListener(name="second", port=port),)))
            assert (await request(port)).status == 200

    plane.run(test())


# --- connections ------------------------------------------------------------------------------------------------------


def test_a_tcp_listener_passes_bytes_on(plane: Plane) -> None:
    async def test() -> None:
        async with target() as one:
            port = plane.ports.allocate()
            listener = TcpListener(name="wire", port=port, upstream="group")
            async with plane.published(Fragment(listeners=(listener,), upstreams=(upstream_of(one),))):
                assert (await request(port)).by == "one"

    plane.run(test())


@pytest.mark.parametrize(
    "endpoints",
    [
        pytest.param((), id="nobody"),
        pytest.param((Endpoint("127.0.0.1", 1),), id="refusing"),
    ],
)
def test_a_connection_to_a_dead_upstream_is_closed(plane: Plane, endpoints: tuple[Endpoint, ...]) -> None:
    async def test() -> None:
        port = plane.ports.allocate()
        listener = TcpListener(name="wire", port=port, upstream="group")
        upstream = Upstream(name="group", endpoints=endpoints)
        async with plane.published(Fragment(listeners=(listener,), upstreams=(upstream,))), asyncio.timeout(5):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            assert await reader.read() == b""
            writer.close()

    plane.run(test())


# --- statistics -------------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_who_answered(plane: Plane) -> None:
    async def test() -> None:
        async with target(status=201) as one:
            upstreams = (upstream_of(one), Upstream(name="empty"))
            routes = (to("empty", Condition(field="path", patterns=("/empty",))), to("group"))
            async with plane.http(*routes, upstreams=upstreams) as port:
                for path in ("/", "/", "/empty"):
                    await request(port, path)
                group = f"alb.app_x_{port}"

                async def are_counted() -> bool:
                    counted = await plane.envoy.stats(rf"^{group}\.")
                    return {name for name, value in counted.items() if value} == {
                        f"{group}.target.requests.upstream.group.status.201",
                        f"{group}.target.time_us.upstream.group",
                        f"{group}.own.requests.upstream.empty.status.503",
                    } and counted[f"{group}.target.requests.upstream.group.status.201"] == 2.0

                await eventually(are_counted)

    plane.run(test())


# --- the process ------------------------------------------------------------------------------------------------------


def test_envoy_is_replaced_when_it_dies(plane: Plane) -> None:
    async def test() -> None:
        async with plane.http(Route(action=Respond(status=204))) as port:
            plane.supervisor.processes["envoy"].kill()

            async def answers() -> bool:
                try:
                    return (await request(port)).status == 204
                except (ConnectionError, asyncio.IncompleteReadError):
                    return False

            await eventually(answers)

    plane.run(test())


def test_the_admin_socket_is_ours_alone(plane: Plane) -> None:
    socket_path = envoy_admin.socket_path(plane.folder)
    assert socket_path.stat().st_mode & 0o077 == 0
    assert socket_path.parent.stat().st_mode & 0o077 == 0


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    chosen = envoy_admin.socket_path(deep)
    assert len(str(chosen)) <= envoy_admin.LONGEST_SOCKET_PATH
    envoy_admin.prepare(chosen)
    assert chosen.parent.stat().st_mode & 0o777 == 0o700
    envoy_admin.remove(chosen, deep)
    assert not chosen.parent.exists()


def test_a_refused_configuration_is_logged_as_an_error(plane: Plane, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        too_long = Respond(status=200, body="x" * 5000)
        async with plane.http(Route(action=too_long)):

            async def is_logged() -> bool:
                return any("refused a configuration" in record.message for record in caplog.records)

            await eventually(is_logged)

    plane.run(test())


def test_an_envoy_that_does_not_start_is_an_environment_fault(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "envoy"
    program.write_text("#!/bin/sh\necho cannot bind >&2\nexit 3\n")
    program.chmod(0o755)
    found = Binary(name="envoy", path=program, version=(1, 40, 0), sha256="", source="PATH")
    monkeypatch.setattr(binaries, "find", lambda _: found)

    async def test() -> None:
        supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
        envoy = Envoy(supervisor, state)
        with pytest.raises(EnvironmentFault, match="it ended with 3") as raised:
            await envoy.start()
        assert raised.value.log == ("cannot bind",)
        await envoy.close()
        await envoy.close()
        await supervisor.close()

    asyncio.run(test())
