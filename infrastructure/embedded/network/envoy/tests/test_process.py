"""The real Envoy follows what is published, and lives. One process serves all tests of this file."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.binaries import Binary
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.network.envoy import admin
from infrastructure.embedded.network.envoy.model import (
    Condition,
    Endpoint,
    Fragment,
    HttpListener,
    Respond,
    Route,
    TcpListener,
    Upstream,
)
from infrastructure.embedded.network.envoy.process import Envoy
from infrastructure.embedded.network.envoy.tests.data_plane import Plane, on, running, to, upstream_of
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.embedded.tests.wire import eventually, receive, request, send, target
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    with running(StateFolder.of("test", tmp_path_factory.mktemp("envoy"))) as plane:
        yield plane


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
    socket_path = admin.socket_path(plane.folder)
    assert socket_path.stat().st_mode & 0o077 == 0
    assert socket_path.parent.stat().st_mode & 0o077 == 0


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    chosen = admin.socket_path(deep)
    assert len(str(chosen)) <= admin.LONGEST_SOCKET_PATH
    admin.prepare(chosen, deep)
    assert chosen.parent.stat().st_mode & 0o777 == 0o700
    admin.remove(chosen, deep)
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
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, open_folder: Path
) -> None:
    program = open_folder / "bin" / "envoy"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho cannot bind >&2\nexit 3\n")
    program.chmod(0o755)
    found = Binary(name="envoy", path=program, version=(1, 40, 0), sha256="", source="PATH")
    monkeypatch.setattr(binaries, "find", lambda _: found)

    async def test() -> None:
        supervisor = Supervisor(state, zygote=LIGHT_ZYGOTE)
        envoy = Envoy(supervisor, state)
        with pytest.raises(EnvironmentFault, match="envoy ended with 3") as raised:
            await envoy.start()
        assert raised.value.log == ("cannot bind",)
        await envoy.close()
        await envoy.close()
        await supervisor.close()

    asyncio.run(test())
