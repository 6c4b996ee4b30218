"""Children of both kinds, exec'd and forked: start, end, signals, logs, environment, usage."""

import asyncio
import json
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from infrastructure.embedded.supervisor import Process, ProcessSpec, Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.processes import entry, eventually, has_ended, program, python
from infrastructure.errors import EnvironmentFault
from infrastructure.state import MARKER, StateFolder

ENTRIES = "infrastructure.embedded.tests.entries"
PAUSING = pytest.param(program("sleep", "1000"), id="exec'd"), pytest.param(entry(processes.PAUSE), id="forked")


@asynccontextmanager
async def supervised(state: StateFolder) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(state, zygote=processes.LIGHT_ZYGOTE)
    try:
        yield supervisor
    finally:
        await supervisor.close()


def run(state: StateFolder, body: Callable[[Supervisor], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        async with supervised(state) as supervisor:
            await body(supervisor)

    asyncio.run(all_of_it())


@pytest.mark.parametrize(
    ("spec", "code"),
    [
        pytest.param(program("true"), 0, id="program-ok"),
        pytest.param(program("sh", "-c", "exit 3"), 3, id="program-fails"),
        pytest.param(program("sh", "-c", "kill -USR1 $$"), -signal.SIGUSR1, id="program-killed"),
        pytest.param(entry(f"{ENTRIES}:tell"), 0, id="entry-ok"),
        pytest.param(entry(f"{ENTRIES}:seven"), 7, id="entry-returns-code"),
        pytest.param(entry(f"{ENTRIES}:leave_with_three"), 3, id="entry-exits"),
        pytest.param(entry(f"{ENTRIES}:leave_with_words"), 1, id="entry-exits-with-message"),
        pytest.param(entry(f"{ENTRIES}:fail"), 1, id="entry-raises"),
        pytest.param(entry("os:abort"), -signal.SIGABRT, id="entry-killed"),
        pytest.param(entry("no.such.module:serve"), 1, id="entry-missing"),
    ],
)
def test_the_end_of_a_process_is_told_with_its_code(state: StateFolder, spec: ProcessSpec, code: int) -> None:
    async def body(supervisor: Supervisor) -> None:
        told: list[Process] = []
        supervisor.on_exit(told.append)
        process = await supervisor.start(spec)
        assert await process.wait() == code
        assert (process.state, process.returncode) == ("exited", code)
        assert told == [process]
        assert spec.id not in supervisor.processes

    run(state, body)


@pytest.mark.parametrize(
    ("function", "said"),
    [("fail", "ValueError: this entry always fails"), ("leave_with_words", "no settings")],
)
def test_a_failing_entry_says_why_in_its_log(state: StateFolder, function: str, said: str) -> None:
    async def body(supervisor: Supervisor) -> None:
        await (await supervisor.start(entry(f"{ENTRIES}:{function}"))).wait()
        assert supervisor.tail("entry")[-1] == said

    run(state, body)


@pytest.mark.parametrize("spec", PAUSING)
def test_stop_asks_first(state: StateFolder, spec: ProcessSpec) -> None:
    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(spec)
        assert await process.stop(5.0) == -signal.SIGTERM
        assert await process.stop(5.0) == -signal.SIGTERM

    run(state, body)


def test_stop_kills_what_does_not_listen_after_the_grace(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(entry(f"{ENTRIES}:ignore_sigterm"))
        await eventually(lambda: supervisor.tail("entry"))
        assert await process.stop(0.05) == -signal.SIGKILL

    run(state, body)


def test_a_second_stop_may_shorten_the_grace(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(entry(f"{ENTRIES}:ignore_sigterm"))
        await eventually(lambda: supervisor.tail("entry"))
        patient = asyncio.create_task(process.stop(60.0))
        assert await process.stop(0.05) == -signal.SIGKILL
        assert await patient == -signal.SIGKILL

    run(state, body)


@pytest.mark.parametrize("spec", PAUSING)
def test_a_paused_process_is_frozen_until_it_is_resumed_or_killed(state: StateFolder, spec: ProcessSpec) -> None:
    def kernel_state(pid: int) -> str:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]

    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(spec)
        process.pause()
        assert supervisor.processes[spec.id].state == "paused"
        await eventually(lambda: kernel_state(process.pid) == "T")
        process.resume()
        assert supervisor.processes[spec.id].state == "running"
        await eventually(lambda: kernel_state(process.pid) == "S")
        process.pause()
        process.kill()
        assert await process.wait() == -signal.SIGKILL

    run(state, body)


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param(program("sh", "-c", "sleep 1000 & echo $!; wait"), id="exec'd"),
        pytest.param(entry(f"{ENTRIES}:have_a_child", name="program"), id="forked"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_what_a_process_has_forked_ends_with_it(state: StateFolder, spec: ProcessSpec, number: signal.Signals) -> None:
    async def body(supervisor: Supervisor) -> None:
        process = await supervisor.start(spec)
        (said,) = await eventually(lambda: supervisor.tail("program"))
        os.kill(process.pid, number)
        await process.wait()
        assert has_ended(int(said), within_s=2.0)

    run(state, body)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_tasks_die_with_the_zygote_and_the_next_one_serves(state: StateFolder, number: signal.Signals) -> None:
    async def body(supervisor: Supervisor) -> None:
        told: list[str] = []
        supervisor.on_exit(lambda process: told.append(process.spec.id))
        first, second = [await supervisor.start(entry(processes.PAUSE, name=name)) for name in ("first", "second")]
        os.kill(supervisor.helpers["zygote"].pid, number)
        assert [await first.wait(), await second.wait()] == [-signal.SIGKILL] * 2
        assert sorted(told) == ["first", "second"]
        third = await supervisor.start(entry(f"{ENTRIES}:seven", name="third"))
        assert await third.wait() == 7

    run(state, body)


def test_a_request_that_a_dying_zygote_did_not_answer_goes_to_the_next(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        supervisor.warm()
        first = supervisor.helpers["zygote"]
        os.kill(first.pid, signal.SIGSTOP)
        start = asyncio.create_task(supervisor.start(entry(f"{ENTRIES}:seven")))
        await asyncio.sleep(0)  # lets the request be sent
        os.kill(first.pid, signal.SIGKILL)
        assert await (await start).wait() == 7

    run(state, body)


def test_a_zygote_that_never_starts_is_a_fault_with_its_log(state: StateFolder) -> None:
    async def body() -> None:
        broken = (sys.executable, "-c", "raise SystemExit('fastapi is missing')")
        supervisor = Supervisor(state, zygote=broken)
        with pytest.raises(EnvironmentFault, match="fastapi is missing"):
            await supervisor.start(entry(processes.PAUSE))
        await supervisor.close()

    asyncio.run(body())


def test_a_dead_guard_is_replaced(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        supervisor.warm()
        first = supervisor.helpers["guard"]
        first.kill()
        await first.wait()
        assert supervisor.helpers["guard"].pid != first.pid

    run(state, body)


def test_a_cancelled_start_leaves_nothing_running(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        start = asyncio.create_task(supervisor.start(entry(processes.PAUSE, name="unwanted")))
        await asyncio.sleep(0)  # lets the request be sent
        start.cancel()
        # The zygote answers in order: once it has forked this one, it had forked the unwanted one.
        await (await supervisor.start(entry(f"{ENTRIES}:seven"))).wait()
        if (unwanted := supervisor.processes.get("unwanted")) is not None:
            assert await unwanted.wait() == -signal.SIGKILL

    run(state, body)


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


def test_close_ends_everything_and_lets_nothing_start(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        started = [await supervisor.start(program("sleep", "1000")), await supervisor.start(entry(processes.PAUSE))]
        pids = [process.pid for process in (*started, *supervisor.helpers.values())]
        await supervisor.close()
        assert [pid for pid in pids if not has_ended(pid, 0.0)] == []
        with pytest.raises(EnvironmentFault, match="being closed"):
            await supervisor.start(program("true"))

    run(state, body)


def test_a_listener_that_fails_does_not_silence_the_others(state: StateFolder) -> None:
    async def body(supervisor: Supervisor) -> None:
        told: list[str] = []

        def defective(_process: Process) -> None:
            raise RuntimeError("a listener's defect")

        supervisor.on_exit(defective)
        supervisor.on_exit(lambda process: told.append(process.spec.id))
        await (await supervisor.start(program("true"))).wait()
        assert told == ["program"]

    run(state, body)


def test_another_thread_may_not_start_processes(state: StateFolder) -> None:
    """The kernel takes the end of the starting thread for the parent's death; so only the lasting one may start."""
    supervisor = Supervisor(state)
    refusals: list[str] = []

    def start() -> None:
        with pytest.raises(RuntimeError) as refusal:
            asyncio.run(supervisor.start(program("sleep", "1000")))
        refusals.append(str(refusal.value))

    thread = threading.Thread(target=start)
    thread.start()
    thread.join()
    assert "they die when it ends" in refusals[0]
