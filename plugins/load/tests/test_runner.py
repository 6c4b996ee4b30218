"""A generator in a process of its own, against a shop in this one."""

import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import psutil
import pytest

from plugins.load import runner
from plugins.load.arrivals import Constant
from plugins.load.errors import LoadError
from plugins.load.plan import LoadPlan
from plugins.load.result import LoadResult
from plugins.load.retry import Retry
from plugins.load.runner import start, start_at
from plugins.load.tests.shop import Request, Shop, accept, announcing

PATIENCE_S = 20.0


@contextmanager
def exit_of(pid: int) -> Iterator[int]:
    """A descriptor that becomes readable when the process ends."""
    descriptor = os.pidfd_open(pid)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def ends(descriptor: int) -> bool:
    return bool(select.select([descriptor], [], [], PATIENCE_S)[0])


def test_every_order_the_shop_took_is_in_the_history(tmp_path: Path) -> None:
    with Shop() as shop, start(LoadPlan(arrivals=Constant(per_s=100, duration_s=1)), shop, tmp_path) as run:
        assert abs(time.time() - run.started_at) < 0.5  # `start` returns when the schedule begins
        result = run.result()
        acknowledged = {attempt.order_id for attempt in result.attempts if attempt.outcome == "acknowledged"}
        assert acknowledged == {f"order-{request.key}" for request in shop.requests}
        assert len(acknowledged) == 100
        assert (result.whole().due, result.whole().good.total) == (100, 100)


def test_a_slow_server_does_not_slow_the_schedule_and_pays_from_the_scheduled_start(tmp_path: Path) -> None:
    """One worker that takes 50 ms can serve 20/s. Offered 60/s, the queue grows, and so must the latency."""
    gate = Event()

    def slow(request: Request, number: int) -> int:
        gate.wait(0.3)
        return accept(request, number)

    with Shop(behave=slow) as shop:
        plan = LoadPlan(arrivals=Constant(per_s=60, duration_s=1), max_in_flight=500)
        with start(plan, shop, tmp_path) as run:
            result = run.result()
        offsets = sorted(request.at - run.started_at for request in shop.requests)
    assert len(offsets) == 60
    assert offsets[-1] < 1.3  # the last one arrived on time, though nobody had been answered quickly
    assert (result.whole().indicators()["p50"] or 0) > 290


def test_a_stalled_server_costs_every_arrival_it_kept_waiting(tmp_path: Path) -> None:
    """Coordinated omission: a closed loop would have sent one request into the stall and seen one slow answer."""
    stall = Event()

    def stalls_once(request: Request, number: int) -> int:
        if number == 1:
            stall.clear()
            stall.wait(1.0)
            stall.set()
        stall.wait()
        return accept(request, number)

    with Shop(behave=stalls_once) as shop:
        with start(LoadPlan(arrivals=Constant(per_s=50, duration_s=2)), shop, tmp_path) as run:
            result = run.result()
        during = result.window(run.started_at, run.started_at + 1).indicators()
        after = result.window(run.started_at + 1.2, run.started_at + 2).indicators()
    assert (during["p50"] or 0) > 400  # arrivals spread over the stall waited half of it on average
    assert (after["p50"] or 1000) < 100


def test_arrivals_beyond_the_most_in_flight_are_dropped_and_counted(tmp_path: Path) -> None:
    gate = Event()

    def hold(request: Request, number: int) -> int:
        gate.wait(1.5)  # longer than the schedule: nobody it let in leaves before its end
        return accept(request, number)

    with Shop(behave=hold) as shop:
        plan = LoadPlan(arrivals=Constant(per_s=50, duration_s=1), max_in_flight=5)
        with start(plan, shop, tmp_path) as run:
            whole = run.result().whole()
    assert (whole.due, whole.dropped, whole.samples) == (50, 45, 5)
    assert whole.indicators()["dropped"] == 90


def test_whoever_ends_a_generator_waits_for_its_last_lines() -> None:
    """Locust ends it at the end of the test and again as it quits; the process must not go before they are written."""
    command = [sys.executable, "-m", "plugins.load.tests.finishing"]
    story = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout
    assert story.splitlines() == ["writes 1 line", "has written", "first", "second"]


def test_what_is_not_acknowledged_is_in_the_history_too(tmp_path: Path) -> None:
    gate = Event()

    def misbehave(request: Request, number: int) -> int | None:
        if number % 4 == 3:
            gate.wait(PATIENCE_S)
        return (accept(request, number), 503, None, None)[number % 4]

    with Shop(behave=misbehave) as shop:
        plan = LoadPlan(arrivals=Constant(per_s=40, duration_s=1), timeout_s=0.5)
        with start(plan, shop, tmp_path) as run:
            result = run.result()
        gate.set()
    outcomes = Counter((attempt.outcome, attempt.status) for attempt in result.attempts)
    assert outcomes == {("acknowledged", 201): 10, ("refused", 503): 10, ("unknown", None): 20}
    assert result.whole().errors == {"http 503": 10, "connection lost": 10, "timeout": 10}
    assert result.whole().bad.max_us >= 500_000


def test_a_server_that_is_not_there_was_never_asked(tmp_path: Path) -> None:
    with Shop() as shop:
        url = shop.url
    with start_at(LoadPlan(arrivals=Constant(per_s=20, duration_s=0.5)), url, tmp_path) as run:
        result = run.result()
    assert {attempt.outcome for attempt in result.attempts} == {"refused"}
    assert result.whole().errors == {"connection refused": 10}


def test_a_retrying_storefront_gets_through_and_reports_how_often_it_tried(tmp_path: Path) -> None:
    def every_other(request: Request, number: int) -> int:
        return 503 if number % 2 else 201

    with Shop(behave=every_other, headers={"Retry-After": "0"}) as shop:
        plan = LoadPlan(arrivals=Constant(per_s=10, duration_s=1), retry=Retry(attempts=5))
        with start(plan, shop, tmp_path) as run:
            whole = run.result().whole()
    assert whole.good.total == 10
    assert whole.retries == len(shop.requests) - 10 > 0


def test_stopping_ends_the_arrivals_and_keeps_what_was_recorded(tmp_path: Path) -> None:
    served = Event()

    def notice(request: Request, number: int) -> int:
        if number == 20:
            served.set()
        return accept(request, number)

    plan = LoadPlan(arrivals=Constant(per_s=100, duration_s=600))
    with Shop(behave=notice) as shop, start(plan, shop, tmp_path) as run:
        assert served.wait(PATIENCE_S)
        run.stop()
        run.stop()
        assert not run.is_running
        result = run.result()
    assert result.whole().samples == result.whole().due == len(shop.requests)
    assert {attempt.idempotency_key for attempt in result.attempts} == {request.key for request in shop.requests}


def test_a_generator_killed_leaves_files_that_can_be_read_and_is_reported(tmp_path: Path) -> None:
    served = Event()

    def notice(request: Request, number: int) -> int:
        if number == 200:
            served.set()
        return accept(request, number)

    with (
        Shop(behave=notice) as shop,
        start(LoadPlan(arrivals=Constant(per_s=100, duration_s=600)), shop, tmp_path) as run,
    ):
        assert served.wait(PATIENCE_S)
        with exit_of(run.pid) as descriptor:
            os.kill(run.pid, signal.SIGKILL)
            assert ends(descriptor)
        with pytest.raises(LoadError, match="SIGKILL"):
            run.check()
        result = LoadResult.read(tmp_path)
        assert 0 < result.whole().samples <= len(shop.requests)
        assert len(result.attempts) == result.whole().samples


def test_a_generator_that_had_to_be_killed_proves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it had not yet written is lost, and nobody knows how much that was."""
    monkeypatch.setattr(runner, "_GRACE_S", 0.2)
    plan = LoadPlan(arrivals=Constant(per_s=100, duration_s=600), timeout_s=0.05)
    with Shop() as shop, start(plan, shop, tmp_path) as run:
        os.kill(run.pid, signal.SIGSTOP)  # hears nothing any more, as one does that hangs
        with pytest.raises(LoadError, match=r"SIGKILL\) on its way out: it had not ended 0\.3 s after it was asked to"):
            run.stop()
        with pytest.raises(LoadError, match="SIGKILL"):
            run.result()


def test_a_generator_that_crashes_on_its_way_out_proves_nothing(tmp_path: Path) -> None:
    locustfile = tmp_path / "buggy.py"
    locustfile.write_text(
        "from plugins.load.generator import Generator\n"
        "from plugins.load.open_model import Customers, os\n"
        "Generator.finish = lambda self: os._exit(9)\n"
    )
    plan = LoadPlan(arrivals=Constant(per_s=10, duration_s=600), locustfile=locustfile)
    with Shop() as shop, start(plan, shop, tmp_path) as run, pytest.raises(LoadError, match="on its way out"):
        run.stop()


def test_a_generator_that_cannot_start_is_an_error_with_the_end_of_its_log(tmp_path: Path) -> None:
    plan = LoadPlan(arrivals=Constant(per_s=1, duration_s=1), locustfile=tmp_path / "nowhere.py")
    with pytest.raises(LoadError, match="did not start") as caught:
        start_at(plan, "http://127.0.0.1:9", tmp_path)
    assert any("nowhere.py" in line for line in caught.value.log)


@pytest.mark.parametrize("hindrance", ["a log that is a folder", "a fault of the system"])
def test_a_generator_that_cannot_be_spawned_leaves_no_descriptor_open(
    hindrance: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if hindrance == "a log that is a folder":
        (tmp_path / "generator.log").mkdir()
    else:
        monkeypatch.setattr(sys, "executable", str(tmp_path / "no-interpreter"))
    before = set(Path("/proc/self/fd").iterdir())
    with pytest.raises(OSError, match=r"generator\.log|no-interpreter"):
        start_at(LoadPlan(arrivals=Constant(per_s=1, duration_s=1)), "http://127.0.0.1:9", tmp_path)
    assert set(Path("/proc/self/fd").iterdir()) == before


def test_a_generator_that_cannot_write_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").mkdir()
    with pytest.raises(LoadError, match="did not start") as caught:
        start_at(LoadPlan(arrivals=Constant(per_s=1, duration_s=1)), "http://127.0.0.1:9", tmp_path)
    assert any("IsADirectoryError" in line for line in caught.value.log)


def test_an_unknown_journey_is_refused_before_anything_starts(tmp_path: Path) -> None:
    plan = LoadPlan(arrivals=Constant(per_s=1, duration_s=1), journey="window-shopping")
    with pytest.raises(ValueError, match="known: order, browse"):
        start_at(plan, "http://127.0.0.1:9", tmp_path)


def test_a_journeys_own_bug_ends_the_run_as_a_crash(tmp_path: Path) -> None:
    locustfile = tmp_path / "buggy.py"
    locustfile.write_text(
        "from plugins.load.journeys import PlaceOrder\n"
        "from plugins.load.open_model import Customers\n"
        "PlaceOrder.run = lambda self, visit: 1 / 0\n"
    )
    plan = LoadPlan(arrivals=Constant(per_s=10, duration_s=600), locustfile=locustfile)
    with start_at(plan, "http://127.0.0.1:9", tmp_path) as run, pytest.raises(LoadError, match="exit code 3") as caught:
        run.wait(PATIENCE_S)
    assert any("ZeroDivisionError" in line for line in caught.value.log)


def test_what_cannot_be_recorded_ends_the_run_at_once_and_is_reported(tmp_path: Path) -> None:
    locustfile = tmp_path / "full.py"
    locustfile.write_text(
        "from plugins.load.open_model import Customers\n"
        "from plugins.load.recorder import FileSink\n"
        "def full(self, lines):\n"
        "    raise OSError(28, 'No space left on device')\n"
        "FileSink.write = full\n"
    )
    plan = LoadPlan(arrivals=Constant(per_s=10, duration_s=600), locustfile=locustfile)
    with start_at(plan, "http://127.0.0.1:9", tmp_path) as run, pytest.raises(LoadError, match="exit code 6") as caught:
        run.wait(PATIENCE_S)
    log = "\n".join(caught.value.log)
    assert "what is measured cannot be written: [Errno 28] No space left on device" in log
    assert "Traceback" not in log


def test_a_generator_that_somebody_else_stops_proves_nothing(tmp_path: Path) -> None:
    """It ends as it would at the end of its schedule, but what it offered is not what was planned."""
    under_way, notice = announcing(after=20)
    plan = LoadPlan(arrivals=Constant(per_s=100, duration_s=600))
    with Shop(behave=notice) as shop, start(plan, shop, tmp_path) as run:
        assert under_way.wait(PATIENCE_S)
        os.kill(run.pid, signal.SIGTERM)
        with pytest.raises(LoadError, match="stopped by somebody else"):
            run.wait(PATIENCE_S)


def test_the_generator_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import sys, pathlib, signal\n"
        "from plugins.load import LoadPlan, start_at\n"
        "from plugins.load.arrivals import Constant\n"
        "plan = LoadPlan(arrivals=Constant(per_s=5, duration_s=600))\n"
        "run = start_at(plan, sys.argv[1], pathlib.Path(sys.argv[2]))\n"
        "print(run.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with Shop() as shop:
        command = [sys.executable, "-c", script, shop.url, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
            assert parent.stdout is not None
            generator = int(parent.stdout.readline())
            assert psutil.pid_exists(generator)
            with exit_of(generator) as descriptor:
                parent.kill()
                assert ends(descriptor)


def test_starting_a_run_brings_no_gevent_into_this_process() -> None:
    code = (
        "import sys; from plugins.load import start; from suites import load;"
        " sys.exit(bool({'gevent', 'locust'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
