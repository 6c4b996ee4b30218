"""What a child of the supervisor is given, counted as, and refused for."""

import errno
import json
import os
import signal

import pytest

from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.supervisor import ProcessSpec, Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.processes import entry, eventually, program, python
from infrastructure.embedded.tests.supervisors import run
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, StateFolder

ENTRIES = "infrastructure.embedded.host.tests.entries"
PAUSING = pytest.param(program("sleep", "1000"), id="exec'd"), pytest.param(entry(processes.PAUSE), id="forked")


def test_a_child_sees_its_own_environment_and_nothing_of_ours(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "a-person")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret")

    async def body(supervisor: Supervisor) -> None:
        show = python("import json, os; print(json.dumps({'env': dict(os.environ)}))", env={"ASKED": "yes"})
        for spec in (show, entry(f"{ENTRIES}:tell", env={"ASKED": "yes"})):
            await (await supervisor.start(spec)).wait()
            env = json.loads(supervisor.tail(spec.id)[-1])["env"]
            assert env["ASKED"] == "yes"
            assert env[MARKER] == str(state.root)
            assert not {"AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"} & env.keys()

    run(state, body)


def test_an_environment_that_is_too_large_is_refused_and_forgotten(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        with pytest.raises(EnvironmentFault, match="Message too long"):
            await supervisor.start(entry(processes.PAUSE, env={"LARGE": "x" * (4 << 20)}))
        await supervisor.start(entry(processes.PAUSE))

    run(state, body)


@pytest.mark.parametrize("spec", [program("sleep", "1000"), entry(processes.PAUSE)], ids=["program", "entry"])
def test_no_child_runs_that_nobody_can_watch(
    state: StateFolder, spec: ProcessSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_pid: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async def body(supervisor: Supervisor) -> None:
        await (await supervisor.start(entry(f"{ENTRIES}:seven"))).wait()
        ours = (os.getpid(), supervisor.helpers["zygote"].pid)
        before = [proctree.children_of(pid) for pid in ours]
        with monkeypatch.context() as exhausted:
            exhausted.setattr(os, "pidfd_open", refused)
            with pytest.raises(EnvironmentFault, match="Too many open files"):
                await supervisor.start(spec)
        await eventually(lambda: [proctree.children_of(pid) for pid in ours] == before)
        assert not supervisor.processes

    run(state, body)


def test_a_forked_child_starts_clean(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        await (await supervisor.start(entry(f"{ENTRIES}:tell"))).wait()
        told = json.loads(supervisor.tail("entry")[-1])
        assert told["open"] == ["0", "1", "2"]
        assert told["leads_session"]
        assert told["threads"] == 1
        assert set(told["signals"].values()) == {str(signal.SIG_DFL)}

    run(state, body)


def test_no_descriptor_of_ours_reaches_a_child(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        process = await supervisor.start(program("sleep", "1000"))
        forked = await supervisor.start(entry(processes.PAUSE))
        os.close(writing)
        assert os.read(reading, 1) == b""  # nobody else holds the writing end
        os.close(reading)
        assert {process.state, forked.state} == {"running"}

    run(state, body)


BURN_AND_WAIT = """
import signal, subprocess, sys, time
if sys.argv[1:]:
    while time.process_time() < 0.3:
        pass
else:
    child = subprocess.Popen([sys.executable, "-c", sys.orig_argv[2], "burn"])
signal.pause()
"""


def test_usage_counts_the_whole_tree(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(python(BURN_AND_WAIT))
        usage = await eventually(lambda: used if (used := process.usage()).cpu_s > 0.3 else None)
        assert usage.processes == 2
        assert usage.rss_bytes > 10_000_000
        process.kill()
        await process.wait()
        after = process.usage()
        assert (after.rss_bytes, after.processes) == (0, 0)
        assert after.cpu_s >= usage.cpu_s

    run(state, body)


def test_ids_are_unique_among_the_living(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(program("sleep", "1000"))
        with pytest.raises(ValueError, match="'program' is running already"):
            await supervisor.start(program("true"))
        await process.stop(1.0)
        assert await (await supervisor.start(program("true"))).wait() == 0

    run(state, body)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (program("no-such-program"), "needs the program 'no-such-program'"),
        (program("true", user="no-such-user"), "this system has no such user"),
    ],
    ids=["program", "user"],
)
def test_what_is_missing_is_named(state: StateFolder, spec: ProcessSpec, said: str) -> None:
    async def body(supervisor: Supervisor) -> None:
        with pytest.raises(EnvironmentFault, match=said):
            await supervisor.start(spec)

    run(state, body)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "../escape"}, "no file name"),
        ({"id": ""}, "no file name"),
        ({"argv": ()}, "either argv or entry"),
        ({"argv": ("true",), "entry": "a:b"}, "either argv or entry"),
    ],
)
def test_a_spec_is_checked_when_it_is_made(changes: dict[str, object], said: str) -> None:
    fields: dict[str, object] = {"id": "x", "kind": "test", "resource": "", "env": {}, "argv": ("true",)}
    with pytest.raises(ValueError, match=said):
        ProcessSpec(**{**fields, **changes})  # type: ignore[arg-type]  # wrong on purpose
