"""Real sandboxes: how invocations and their processes end, and what is said about it."""

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infrastructure.embedded.engines.functions import sandbox
from infrastructure.embedded.engines.functions.engine import Ran
from infrastructure.embedded.engines.functions.report import Report
from infrastructure.embedded.engines.functions.sandbox import Sandbox
from infrastructure.embedded.engines.functions.spec import ZYGOTE
from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.proctree import Usage, start_ticks
from infrastructure.embedded.tests.function_world import ECHO, Running, Sandboxes, sandboxes
from infrastructure.embedded.tests.processes import eventually, has_ended
from infrastructure.errors import EnvironmentFault

IMPORT_ERROR = "Unable to import module 'app': No module named 'nowhere'"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxes]:
    with sandboxes(tmp_path_factory.mktemp("deaths")) as made:
        yield made


@pytest.mark.parametrize(
    ("code", "error", "message", "line"),
    [
        pytest.param(
            "def handle(event, context):\n    raise ValueError('no such order')",
            "ValueError",
            "no such order",
            "[ERROR] ValueError: no such order",
            id="raises",
        ),
        pytest.param(
            "import os\ndef handle(event, context):\n    os._exit(3)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 3",
            "Runtime.ExitError",
            id="exits",
        ),
        pytest.param(
            "import os\ndef handle(event, context):\n    os.kill(os.getpid(), 9)",
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: killed",
            "Runtime.ExitError",
            id="killed",
        ),
        pytest.param(
            "import threading\ndef handle(event, context):\n    threading.Event().wait()",
            "Sandbox.Timedout",
            "Error: Task timed out after 0.30 seconds",
            "Task timed out after 0.30 seconds",
            id="hangs",
        ),
        pytest.param(
            "def handle(event, context):\n    return 'x' * 7_000_000",
            "Function.ResponseSizeTooLarge",
            "Response payload size exceeded maximum allowed payload size",
            "Response payload size exceeded",
            id="says-too-much",
        ),
        pytest.param("import nowhere\n", "Runtime.ImportModuleError", IMPORT_ERROR, IMPORT_ERROR, id="import-fails"),
        pytest.param("other = 1\n", "Runtime.HandlerNotFound", "Handler 'handle' missing", "missing", id="no-handler"),
        pytest.param(
            "raise SystemExit(4)\n", "Runtime.ExitError", "exit status 4", "INIT_REPORT", id="exits-while-importing"
        ),
    ],
)
def test_an_end_is_told_in_the_answer_and_in_the_log(
    world: Sandboxes, code: str, error: str, message: str, line: str
) -> None:
    ran = world.function(code, timeout_s=0.3 if "wait()" in code else 10.0)()
    document = json.loads(ran.payload)
    assert ran.is_error
    assert document["errorType"] == error
    assert message in document["errorMessage"]
    assert line in ran.log
    assert Report.parse(ran.log) is not None


def test_an_exception_keeps_the_sandbox(world: Sandboxes) -> None:
    code = """
    import os
    def handle(event, context):
        if event == "raise":
            raise ValueError(event)
        return os.getpid()
    """
    function = world.function(textwrap.dedent(code))
    first = function().payload
    assert function(b'"raise"').is_error
    assert function().payload == first


def test_a_time_out_ends_the_sandbox_and_the_next_invocation_has_another(world: Sandboxes) -> None:
    function = world.function(
        "import threading\ndef handle(event, context):\n    threading.Event().wait()\n", timeout_s=0.3
    )
    ran, again = function(), function()
    assert [(each.report.outcome, each.report.duration_ms) for each in (ran, again)] == [("timeout", 300.0)] * 2
    assert again.report.is_cold
    world.run(_gone(function))


def test_more_memory_than_configured_ends_the_sandbox(world: Sandboxes) -> None:
    code = """
    import threading
    def handle(event, context):
        held = b"x" * (300 << 20)
        threading.Event().wait()
    """
    ran = world.function(textwrap.dedent(code), memory_mb=128)()
    assert (ran.report.outcome, ran.report.error_type) == ("error", "Runtime.OutOfMemory")
    assert ran.report.max_memory_mb == 128
    assert json.loads(ran.payload)["errorType"] == "Runtime.ExitError"


def test_no_invocation_is_ended_for_the_memory_of_an_earlier_one(
    world: Sandboxes, monkeypatch: pytest.MonkeyPatch, open_folder: Path
) -> None:
    code = f"""
    import pathlib, time
    def handle(event, context):
        held = len(b"x" * (event << 20))
        while event == 1 and not pathlib.Path({str(open_folder)!r}, "go").exists():
            time.sleep(0.005)
    """
    function = world.function(textwrap.dedent(code), memory_mb=128)
    monkeypatch.setattr(sandbox, "_MEMORY_LOOK_S", 60.0)
    function(b"150")  # too short to be seen
    monkeypatch.setattr(sandbox, "_MEMORY_LOOK_S", 0.001)
    looks = _counted(proctree.usage_of, monkeypatch)

    async def run() -> Ran:
        invocation = asyncio.create_task(function.start(b"1"))
        await eventually(lambda: len(looks) >= 3 or invocation.done())
        (open_folder / "go").touch()
        return await invocation

    assert not world.run(run()).is_error


def _counted(look: Callable[[int], Usage], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The processes that a sandbox's memory is looked at of from now on."""
    seen: list[int] = []

    def counting(pid: int) -> Usage:
        seen.append(pid)
        return look(pid)

    monkeypatch.setattr(proctree, "usage_of", counting)
    return seen


def test_the_report_tells_the_most_memory_a_sandbox_has_held(world: Sandboxes) -> None:
    code = "def handle(event, context):\n    return len(b'x' * (event << 20))\n"
    function = world.function(code)
    small, large, after = function(b"1"), function(b"100"), function(b"1")
    assert small.report.max_memory_mb < 60
    assert 100 <= large.report.max_memory_mb <= 256
    assert after.report.max_memory_mb >= large.report.max_memory_mb


def test_a_function_that_does_not_start_costs_one_process_however_often_it_is_invoked(world: Sandboxes) -> None:
    broken = world.function("import nowhere\n")
    before = len(world.ended)
    answers = [json.loads(broken().payload)["errorType"] for _ in range(20)]
    assert answers == ["Runtime.ImportModuleError"] * 20
    assert len([p for p in world.ended[before:] if p.spec.resource == broken.spec.arn]) == 1
    assert broken.processes == []


def test_a_retired_fleet_finishes_what_it_does_and_ends(world: Sandboxes, open_folder: Path) -> None:
    code = f"""
    import os, pathlib, time
    def handle(event, context):
        pathlib.Path({str(open_folder)!r}, "begun").touch()
        while not pathlib.Path({str(open_folder)!r}, "go").exists():
            time.sleep(0.005)
        return os.getpid()
    """
    function = world.function(textwrap.dedent(code))

    async def retire_meanwhile() -> int:
        run = asyncio.create_task(function.start())
        await eventually((open_folder / "begun").exists)
        world.engine.retire(function.spec.name)
        (open_folder / "go").touch()
        return int((await run).payload)

    world.run(_ended(world.run(retire_meanwhile())))


def test_an_idle_sandbox_ends_after_its_time(tmp_path: Path) -> None:
    with sandboxes(tmp_path, idle_s=0.05) as world:
        pid = int(world.function("import os\ndef handle(event, context):\n    return os.getpid()\n")().payload)
        world.run(_ended(pid))


async def _ended(pid: int) -> None:
    assert await asyncio.to_thread(has_ended, pid, 10.0)


def test_a_sandbox_that_was_killed_while_idle_is_not_used_again(world: Sandboxes) -> None:
    function = world.function("import os\ndef handle(event, context):\n    return os.getpid()\n")
    first = int(function().payload)

    os.kill(first, signal.SIGKILL)
    world.run(_gone(function))
    ran = function()
    assert not ran.is_error
    assert int(ran.payload) != first


def test_sandboxes_die_with_their_zygote_and_the_next_invocation_works(world: Sandboxes) -> None:
    function = world.function("import os\ndef handle(event, context):\n    return os.getpid()\n")
    first = int(function().payload)
    os.kill(world.supervisor.helpers["zygote-lambda"].pid, signal.SIGKILL)
    world.run(_ended(first))
    world.run(_gone(function))
    assert int(function().payload) != first


def test_a_sandbox_that_died_gets_no_work_even_before_its_end_is_told(world: Sandboxes) -> None:
    function = world.function(ECHO)
    function()
    [dead] = function.processes
    zygote = world.supervisor.helpers[ZYGOTE].pid

    async def invoke() -> Ran:
        os.kill(zygote, signal.SIGSTOP)  # it is the one that tells
        os.kill(dead.pid, signal.SIGKILL)
        await eventually(lambda: start_ticks(dead.pid) is None)
        for _ in range(9):
            await asyncio.sleep(0)  # the loop's turns until it has seen the connection's end
        run = asyncio.create_task(function.start(b'"next"'))
        await asyncio.sleep(0)
        os.kill(zygote, signal.SIGCONT)
        return await run

    ran = world.run(invoke())
    assert (ran.payload, ran.report.is_cold) == (b'"next"', True)


async def _gone(function: Running) -> None:
    await eventually(lambda: not function.processes)


def test_an_invocation_that_is_given_up_takes_its_sandbox_with_it(world: Sandboxes, open_folder: Path) -> None:
    begun = open_folder / "begun"
    code = f"""
    import os, pathlib, threading
    def handle(event, context):
        if event == "hang":
            pathlib.Path({str(begun)!r}).write_text(str(os.getpid()))
            threading.Event().wait()
        return event
    """
    function = world.function(textwrap.dedent(code))

    async def give_up() -> int:
        run = asyncio.create_task(function.start(b'"hang"'))
        pid = await eventually(lambda: begun.read_text() if begun.exists() else None)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        return int(pid)

    world.run(_ended(world.run(give_up())))
    assert function(b'"next"').payload == b'"next"'


def test_a_start_that_the_system_refuses_is_told_and_leaves_nothing_open(
    world: Sandboxes, monkeypatch: pytest.MonkeyPatch
) -> None:
    function, refusing = world.function(ECHO), list[socket.socket]()

    def refused(listener: socket.socket, *_: object) -> None:
        refusing.append(listener)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patched:
        patched.setattr(socket.socket, "bind", refused)
        with pytest.raises(EnvironmentFault, match=f"no sandbox of {function.spec.name} can be started: .*open files"):
            function()
    assert [listener.fileno() for listener in refusing] == [-1]
    assert [link for link in _open_files() if function.spec.name in link] == []
    assert function(b"1").payload == b"1"


def _open_files() -> Iterator[str]:
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists them is among them
            yield str(descriptor.readlink())


def test_closing_waits_for_sandboxes_that_were_retired_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with sandboxes(tmp_path) as world:
        first, second = world.function(ECHO), world.function(ECHO)
        first(), second()
        let_go = asyncio.Event()
        stop = Sandbox.stop

        async def slow(self: Sandbox) -> None:
            if self.spec.name == first.spec.name:
                await let_go.wait()
            await stop(self)

        async def close() -> bool:
            monkeypatch.setattr(Sandbox, "stop", slow)
            for function in (first, second):
                world.engine.retire(function.spec.name)
            await _gone(second)
            closing = asyncio.create_task(world.engine.close())
            for _ in range(9):
                await asyncio.sleep(0)
            was_closed = closing.done()
            let_go.set()
            await closing
            return was_closed

        assert world.run(close()) is False
        assert first.processes == []
