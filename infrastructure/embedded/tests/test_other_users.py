"""Under root: what a platform runs is nobody's but its own user's, and other users read nothing of it."""

import asyncio
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.embedded.engines.functions.engine import archive_of
from infrastructure.embedded.host import launcher, reach
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.tests.function_world import Sandboxes, sandboxes
from infrastructure.embedded.tests.processes import PAUSE, entry, eventually, program

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or bool(reach.unreachable()),
    reason="needs root, who alone can start processes as other users, and code that these can reach",
)
STRANGER = 54_321
PATH = "/usr/bin:/bin:/usr/local/bin"
_READABLE = """
import os, sys
for top in sys.argv[1:]:
    for place, _, files in os.walk(top):
        for path in (place, *(os.path.join(place, name) for name in files)):
            if os.access(path, os.R_OK):
                print(path)
"""
_SPY = """
import os
def handle(event, context):
    def tried(path):
        try:
            return os.listdir(path) if os.path.isdir(path) else open(path, "rb").read().decode("latin-1")
        except OSError as refusal:
            return type(refusal).__name__
    return {"uid": os.getuid(), "groups": os.getgroups(), "saw": {path: tried(path) for path in event}}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxes]:
    with sandboxes(tmp_path_factory.mktemp("closed")) as made:
        yield made


def status_of(process: Process | int) -> dict[str, list[str]]:
    pid = process if isinstance(process, int) else process.pid
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.split() for name, _, value in (line.partition(":") for line in lines)}


def readable_for_strangers(*tops: Path) -> list[str]:
    command = ("/usr/bin/env", "python3", "-I", "-S", "-c", _READABLE, *map(str, tops))
    found = subprocess.run(
        command, user=STRANGER, group=STRANGER, extra_groups=(), cwd="/", env={"PATH": PATH}, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return found.stdout.splitlines()


@pytest.mark.parametrize("kind", ["exec'd", "forked"])
def test_a_process_has_a_user_of_its_own_and_no_right_of_roots(world: Sandboxes, kind: str) -> None:
    def spec(name: str) -> ProcessSpec:
        return program("sleep", "1000", name=name) if kind == "exec'd" else entry(PAUSE, name=name)

    async def scenario() -> None:
        one, other = [await world.supervisor.start(spec(f"{kind[:4]}-{n}")) for n in (1, 2)]
        await eventually(lambda: status_of(one)["Uid"][0] != "0" and status_of(other)["Uid"][0] != "0")
        seen = await eventually(lambda: status_of(other) if status_of(other)["NoNewPrivs"] == ["1"] else None)
        assert len(set(seen["Uid"])) == len(set(seen["Gid"])) == 1
        assert status_of(one)["Uid"] != seen["Uid"]
        assert seen["Groups"] == []
        assert {seen[name][0] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}
        one.kill()
        other.kill()
        await one.wait()
        await other.wait()

    world.run(scenario())


def test_those_of_one_account_share_its_user(world: Sandboxes) -> None:
    async def scenario() -> None:
        shared = [
            ProcessSpec(id=f"server-{n}", kind="test", resource="", env={}, argv=("sleep", "1000"), account="server")
            for n in (1, 2)
        ]
        first, second = [await world.supervisor.start(spec) for spec in shared]
        await eventually(lambda: status_of(first)["Uid"] == status_of(second)["Uid"] != ["0"] * 4)
        for process in (first, second):
            process.kill()
            await process.wait()

    world.run(scenario())


def test_a_handler_reads_nothing_of_roots_of_another_functions_or_another_sandboxs(world: Sandboxes) -> None:
    spy, other = world.function(_SPY), world.function("SECRET = 'x'\ndef handle(event, context):\n    return event\n")
    assert other(b'"warm"').payload == b'"warm"'
    (sandbox,) = other.processes
    folder = world.state.run / "functions" / "tmp" / sandbox.spec.id
    paths = [
        "/etc/shadow",
        str(world.state.root),
        str(world.state.logs / f"{sandbox.spec.id}.log"),
        f"/proc/{sandbox.pid}/environ",
        str(other.spec.code),
        str(other.spec.code / "app.py"),
        str(archive_of(other.spec.code)),
        str(folder),
    ]
    answer = json.loads(spy(json.dumps(paths).encode()).payload)
    assert answer["uid"] not in (0, int(status_of(sandbox)["Uid"][0]))
    assert answer["saw"] == dict.fromkeys(paths, "PermissionError")
    own = json.loads(spy(json.dumps([str(spy.spec.code / "app.py")]).encode()).payload)
    assert list(own["saw"].values()) == [_SPY]


def test_a_handler_writes_in_its_own_folder_and_not_in_its_code(world: Sandboxes) -> None:
    code = """
    import os, pathlib
    def handle(event, context):
        pathlib.Path(os.environ["TMPDIR"], "mine").write_text("x")
        try:
            pathlib.Path(os.environ["LAMBDA_TASK_ROOT"], "app.py").write_text("x")
        except OSError as refusal:
            return type(refusal).__name__
    """
    assert world.function(textwrap.dedent(code))().payload == b'"PermissionError"'


def test_a_stranger_reads_no_file_and_lists_no_folder(world: Sandboxes) -> None:
    function = world.function("def handle(event, context):\n    return event\n")
    assert function(b"1").payload == b"1"
    state = world.state
    known = (state.root, state.run, state.run / "functions", state.run / "functions" / "tmp", function.spec.code)
    assert readable_for_strangers(*known) == []
    assert readable_for_strangers(Path("/etc/passwd").parent) != [], "it does find what is readable"


def test_a_stranger_gets_no_work_of_a_sandbox(world: Sandboxes) -> None:
    code = """
    import os
    def handle(event, context):
        return os.environ["AWS_LAMBDA_RUNTIME_API"]
    """
    function = world.function(textwrap.dedent(code))
    host, port = json.loads(function().payload).split(":")
    asked = "b'GET /2018-06-01/runtime/invocation/next HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'"
    connecting = (
        f"import socket; s = socket.create_connection(({host!r}, {port})); s.sendall({asked}); print(s.recv(99))"
    )

    async def taken_by_a_stranger() -> str:
        stranger = await asyncio.create_subprocess_exec(
            "/usr/bin/env", "python3", "-I", "-S", "-c", connecting,
            user=STRANGER, group=STRANGER, extra_groups=(), cwd="/", env={"PATH": PATH},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await stranger.communicate()
        return (out + err).decode()

    answer = world.run(taken_by_a_stranger())
    assert answer == "b''\n" or "ConnectionResetError" in answer
    assert function().payload == json.dumps(f"{host}:{port}").encode(), "the sandbox works on"


def test_a_program_in_a_closed_folder_is_shown_to_its_user_alone(tmp_path: Path, world: Sandboxes) -> None:
    """As where root has Python, or this project, at home."""
    home = tmp_path / "home"
    (home / "installed" / "bin").mkdir(parents=True)
    (home / "secret").write_text("secret")
    home.chmod(0o700)
    tool = home / "installed" / "bin" / "tool"
    tool.write_text(f"#!/bin/sh\ncat {home}/secret\nls {home}\nid -u\n")
    tool.chmod(0o755)
    assert reach.needed_by(str(tool)) == (str(tool.parents[1]),)
    if subprocess.run([sys.executable, launcher.__file__, "probe", str(tool.parents[1])], check=False).returncode:
        pytest.skip("this system gives no process a view of the files of its own")

    async def scenario() -> tuple[str, ...]:
        process = await world.supervisor.start(program(str(tool), name="tool"))
        await process.wait()
        return world.supervisor.tail("tool")

    lines = world.run(scenario())
    assert "No such file" in lines[0]
    assert lines[1] == "installed"
    assert lines[2] not in ("0", "secret")
