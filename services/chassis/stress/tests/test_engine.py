import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from services.chassis.background import cancel
from services.chassis.stress import engine as engine_module
from services.chassis.stress.engine import Engine, StressRun, TaskProgress
from services.chassis.stress.tests.machine import Machine
from services.chassis.stress.worker import DEBT_S, PERIOD_S
from services.chassis.stress.workers import Workers, WorkersFailed, cpu_of

ENTRY = "services.chassis.stress.tests.spin:spin"
RUN = StressRun(run_id="r1", target_cpu=20.0, duration_s=30.0, started_at=0.0)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid: int, seconds: float) -> bool:
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            return bool(select.select([handle], [], [], seconds)[0])
        finally:
            os.close(handle)
    return True


def test_a_duty_is_a_share_of_cpu_time_however_busy_the_machine() -> None:
    for share in (1.0, 0.5, 0.25):
        machine = Machine(share)
        duty = machine.duty()
        assert machine.periods(duty, 40, 0.2) == pytest.approx(0.2, rel=0.05)
        assert duty.done == pytest.approx(40 * 0.2 * PERIOD_S * 1000, rel=0.05)


def test_cpu_that_others_took_is_caught_up_with_but_not_in_a_burst() -> None:
    machine = Machine(share=0.1)
    duty = machine.duty()
    assert machine.periods(duty, 40, 0.5) == pytest.approx(0.1, rel=0.05)
    machine.share = 1.0
    assert 0.5 < machine.periods(duty, 4, 0.5) <= 0.5 + DEBT_S / (4 * PERIOD_S)
    assert machine.periods(duty, 40, 0.5) == pytest.approx(0.5, rel=0.05)


def test_cpu_that_lies_between_periods_is_the_works_too() -> None:
    """That of the process's own start, first of all."""
    machine = Machine()
    duty = machine.duty()
    machine.cpu += 0.1
    for _ in range(40):
        machine.periods(duty, 1, 0.2)
        machine.cpu += 0.002
    assert machine.cpu / machine.wall == pytest.approx(0.2, rel=0.05)


def test_workers_work_are_counted_and_leave_nothing_behind() -> None:
    async def work() -> tuple[float, list[int]]:
        workers = Workers(ENTRY, 2)
        await workers.start()
        before = workers.cpu_s()
        workers.work(0.2)
        while workers.cpu_s() - before < 0.05:  # noqa: ASYNC110 - a clock has no event
            await asyncio.sleep(0.02)
        pids = [process.pid for process in workers._processes]
        assert all(is_alive(pid) for pid in pids)
        used = workers.cpu_s() - before
        await workers.close()
        return used, pids

    used, pids = asyncio.run(asyncio.wait_for(work(), 20))
    assert used >= 0.05
    assert not any(is_alive(pid) for pid in pids)


def test_work_that_cannot_be_loaded_is_an_error_and_leaves_no_process() -> None:
    async def start() -> None:
        await Workers("services.order.stress:no_such_work", 1).start()

    with pytest.raises(WorkersFailed):
        asyncio.run(start())


def test_stopping_a_run_ends_its_workers_at_once_and_says_so() -> None:
    reports: list[TaskProgress] = []
    counted: list[int] = []
    working = asyncio.Event()

    async def report(_run: StressRun, progress: TaskProgress) -> None:
        reports.append(replace(progress))
        if progress.units:
            working.set()

    async def run() -> None:
        engine = Engine(entry=ENTRY, vcpu=1.5, task="t1", report=report, count=counted.append)
        await engine.start(RUN, for_s=60)
        await working.wait()
        await engine.stop()
        assert engine.run is None

    asyncio.run(asyncio.wait_for(run(), 20))
    assert (reports[0].state, reports[0].workers) == ("running", 2)
    assert (reports[-1].task, reports[-1].state, reports[-1].workers) == ("t1", "stopped", 0)
    assert sum(counted) == reports[-1].units > 0


def test_a_run_ends_by_itself() -> None:
    states: list[str] = []

    async def report(_run: StressRun, progress: TaskProgress) -> None:
        states.append(progress.state)

    async def run() -> None:
        engine = Engine(entry=ENTRY, vcpu=0.5, task="t1", report=report)
        await engine.start(RUN, for_s=0.6)
        assert engine._performing is not None
        await engine._performing

    asyncio.run(asyncio.wait_for(run(), 20))
    assert states[-1] == "finished"


@pytest.mark.parametrize("turns", range(0, 40, 8))
def test_a_stop_that_meets_the_end_of_a_run_lets_it_end_as_it_would_have(turns: int) -> None:
    """However far the run has come in ending by itself: it is finished, says so, and its workers are gone."""
    told: list[TaskProgress] = []
    pids: list[int] = []
    ending = asyncio.Event()

    async def report(_run: StressRun, progress: TaskProgress) -> None:
        told.append(progress)

    class Noted(Workers):
        async def start(self) -> None:
            await super().start()
            pids.extend(process.pid for process in self._processes)

        async def close(self) -> None:
            ending.set()
            await super().close()

    async def run(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(engine_module, "Workers", Noted)
        engine = Engine(entry=ENTRY, vcpu=0.5, task="t1", report=report)
        await engine.start(RUN, for_s=0.3)
        await ending.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        await engine.stop()

    with pytest.MonkeyPatch.context() as monkeypatch:
        asyncio.run(asyncio.wait_for(run(monkeypatch), 20))
    assert [progress.state for progress in told[-1:]] == ["finished"]
    assert not any(is_alive(pid) for pid in pids)


def test_a_stop_right_after_the_start_ends_the_run() -> None:
    states: list[str] = []

    async def report(_run: StressRun, progress: TaskProgress) -> None:
        states.append(progress.state)

    async def run() -> None:
        engine = Engine(entry=ENTRY, vcpu=0.5, task="t1", report=report)
        await engine.start(RUN, for_s=30)
        await engine.stop()
        assert engine.run is None

    asyncio.run(asyncio.wait_for(run(), 20))
    assert states == ["stopped"]


PARENT = f"""
import asyncio
from services.chassis.stress.workers import Workers

async def main():
    workers = Workers({ENTRY!r}, 1)
    await workers.start()
    workers.work(0.1)
    print(workers._processes[0].pid, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_a_worker_dies_with_its_task_even_by_sigkill() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert is_alive(pid)
        parent.send_signal(signal.SIGKILL)
    assert gone_within(pid, 2.0)


def test_the_cpu_clock_of_a_process_that_is_gone_reads_zero() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    assert cpu_of(process.pid) == 0.0


def test_a_stop_that_is_itself_cancelled_loses_nothing_of_the_clean_up() -> None:
    """As when a task is told to end while it does what a DELETE asked for."""
    states: list[str] = []

    async def run() -> list[str]:
        running, stopping, may_tell = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def report(_run: StressRun, progress: TaskProgress) -> None:
            if progress.state == "running":
                running.set()
            if progress.state == "stopped":
                stopping.set()
                await may_tell.wait()
            states.append(progress.state)

        engine = Engine(entry=ENTRY, vcpu=0.5, task="t1", report=report)
        await engine.start(RUN, for_s=30)
        async with asyncio.timeout(30):
            await running.wait()
            first = asyncio.create_task(engine.stop())
            await stopping.wait()
            await cancel(first)
            asyncio.get_running_loop().call_soon(may_tell.set)
            await engine.stop()
        return states[:]

    assert asyncio.run(run())[-1] == "stopped"


async def _report_nothing(_run: StressRun, _progress: TaskProgress) -> None:
    """Nobody asks."""


def test_what_runs_beside_the_workers_ends_with_them() -> None:
    told: list[str] = []

    async def beside(run: StressRun) -> None:
        told.append(run.run_id)
        try:
            await asyncio.Event().wait()
        finally:
            told.append("ended")

    async def run() -> None:
        engine = Engine(entry=ENTRY, vcpu=0.5, task="t1", report=_report_nothing, beside=beside)
        await engine.start(RUN, for_s=60)
        while told != ["r1"]:  # noqa: ASYNC110 - it begins with the next turn of the loop
            await asyncio.sleep(0)
        await engine.stop()
        assert told == ["r1", "ended"]

    asyncio.run(asyncio.wait_for(run(), 20))


def test_a_failure_beside_the_workers_is_logged_and_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    async def beside(_run: StressRun) -> None:
        raise ValueError("nothing to work on")

    async def run() -> None:
        engine = Engine(entry=ENTRY, vcpu=0.5, task="t1", report=_report_nothing, beside=beside)
        await engine.start(RUN, for_s=60)
        await asyncio.sleep(0)
        assert engine.run is RUN
        await engine.stop()

    asyncio.run(asyncio.wait_for(run(), 20))
    assert "what was to be worked on did not come" in caplog.text
    assert "nothing to work on" in caplog.text
