"""Children of both kinds, exec'd and forked: start, end, signals, logs, environment, usage."""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path

import pytest

from infrastructure.embedded.host.supervisor import Process, ProcessSpec, Supervisor
from infrastructure.embedded.tests import processes
from infrastructure.embedded.tests.processes import entry, eventually, has_ended, program
from infrastructure.embedded.tests.supervisors import run
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

ENTRIES = "infrastructure.embedded.host.tests.entries"
PAUSING = pytest.param(program("sleep", "1000"), id="exec'd"), pytest.param(entry(processes.PAUSE), id="forked")


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


def test_what_a_zygote_that_is_missing_was_asked_for_is_not_started_later(state: StateFolder, tmp_path: Path) -> None:
    zygote = tmp_path / "zygote"

    async def body() -> None:
        supervisor = Supervisor(state, zygote=(str(zygote), *processes.LIGHT_ZYGOTE[1:]))
        with pytest.raises(EnvironmentFault, match="which is not there"):
            await supervisor.start(entry(processes.PAUSE, name="refused"))
        zygote.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n', encoding="utf-8")
        zygote.chmod(0o700)
        await supervisor.start(entry(processes.PAUSE, name="wanted"))
        assert list(supervisor.processes) == ["wanted"]
        await supervisor.close()

    asyncio.run(body())


def test_who_waits_for_a_zygote_that_cannot_be_started_again_is_told(state: StateFolder, tmp_path: Path) -> None:
    """It dies before it has forked, and meanwhile its program has gone."""
    zygote = tmp_path / "zygote"
    zygote.write_text('#!/bin/sh\nrm "$0"\n', encoding="utf-8")
    zygote.chmod(0o700)

    async def body() -> None:
        supervisor = Supervisor(state, zygote=(str(zygote),))
        with pytest.raises(EnvironmentFault, match="does not start"):
            async with asyncio.timeout(30):
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


@pytest.mark.parametrize(
    ("ages_s", "is_given_up"),
    [([0, 0, 0], True), ([0, 0], False), ([0, 0, 3600, 0, 0, 0], True), ([0, 0, 3600, 0, 0], False)],
    ids=["three at once", "two at once", "three more after a good one", "two more after a good one"],
)
def test_a_guard_that_does_not_stay_alive_is_given_up_after_three_times(
    state: StateFolder, caplog: pytest.LogCaptureFixture, ages_s: list[float], is_given_up: bool
) -> None:
    """Else a machine on which it cannot live would do nothing but start it."""

    async def body(supervisor: Supervisor) -> None:
        supervisor.warm()
        for age_s in ages_s:
            guard = supervisor.helpers["guard"]
            guard.started_at -= age_s
            guard.kill()
            await guard.wait()
        assert ("guard" not in supervisor.helpers) is is_given_up
        await supervisor.start(program("sleep", "1000"))
        assert ("guard" not in supervisor.helpers) is is_given_up, "nobody tries again"
        assert ("the guard does not stay alive, going on without it" in caplog.text) is is_given_up

    run(state, body)


def test_close_ends_what_left_its_process_group(state: StateFolder) -> None:
    """As a session of PostgreSQL does: nothing but the platform's marker tells whose it is."""
    leave = "import os, signal\nif not os.fork():\n    os.setsid()\n    print(os.getpid(), flush=True)\nsignal.pause()"

    async def body(supervisor: Supervisor) -> None:
        await supervisor.start(processes.python(leave))
        (said,) = await eventually(lambda: supervisor.tail("program"))
        assert not has_ended(int(said), within_s=0.0)
        await supervisor.close()
        assert has_ended(int(said), within_s=2.0)

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
