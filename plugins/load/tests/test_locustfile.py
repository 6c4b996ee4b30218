"""A declared scenario under Locust's own command line, as a person runs it."""

import json
import os
import signal
import subprocess
from pathlib import Path
from threading import Event

import psutil
import pytest

from plugins.load.tests.command_line import PATIENCE_S, SHORT, locust, recorded, run
from plugins.load.tests.shop import Request, Shop, accept, announcing


@pytest.fixture
def patient(tmp_path: Path) -> tuple[str, str]:
    """The option for a morning rush that allows 5 s where it allows 250 ms: this machine has other things to do too."""
    locustfile = tmp_path / "patient.py"
    locustfile.write_text(
        "from dataclasses import replace\n"
        "from suites.load.morning_rush import SCENARIO\n"
        "from plugins.load.locustfile import locustfile\n"
        "slos = {stage: slo.stretched(20) for stage, slo in SCENARIO.slos.items()}\n"
        "MorningRush = locustfile(replace(SCENARIO, slos=slos, max_in_flight=2000))\n"
    )
    return "-f", str(locustfile)


@pytest.mark.parametrize("more", [(), ("--processes", "2")], ids=["alone", "master and two workers"])
def test_a_platform_that_keeps_its_promise_passes(
    tmp_path: Path, patient: tuple[str, str], more: tuple[str, ...]
) -> None:
    with Shop() as shop:
        code, output = run(tmp_path, *patient, "--host", shop.url, *SHORT, *more)
        result = recorded(tmp_path)
        assert code == 0, output
        assert "Morning rush: ramp, peak and ramp-down of the morning: PASS" in output
        assert result.whole().due == result.whole().samples == len(shop.requests)
        placed = {request.key for request in shop.requests if request.method == "POST"}
        assert {attempt.idempotency_key for attempt in result.attempts} == placed
        assert {request.method for request in shop.requests} == {"GET", "POST"}
        assert "Traceback" not in output


@pytest.mark.parametrize(
    ("claims", "told"),
    [
        ('Slo.of("fast", "latency <= 5 ms")', "ERROR: load scenario 'tea': SLO 'fast': nothing measures what latency"),
        ('Slo.of("fast", "quickly")', "ERROR: SLO 'fast': 'quickly' is no objective; write 'p99 <= 250 ms'"),
    ],
    ids=["measured by nobody", "no objective"],
)
def test_a_claim_that_cannot_be_judged_is_a_usage_error(tmp_path: Path, claims: str, told: str) -> None:
    locustfile = tmp_path / "tea.py"
    locustfile.write_text(
        "from plugins.load.arrivals import Constant, Stage, Stages\n"
        "from plugins.load.scenario import LoadScenario\n"
        "from plugins.slo import Slo\n"
        "stages = Stages(stages=(Stage(name='a', arrivals=Constant(per_s=10, duration_s=2)),))\n"
        f"slos = {{'a': {claims}}}\n"
        "LoadScenario(name='tea', title='', story='', quick=stages, full=stages, slos=slos, mix=(('order', 1.0),))\n"
    )
    code, output = run(tmp_path, "-f", str(locustfile), "--host", "http://127.0.0.1:1")
    assert code == 4
    assert told in output
    assert "Traceback" not in output


def test_a_missed_objective_exits_99_and_shows_every_objective(tmp_path: Path, patient: tuple[str, str]) -> None:
    def sometimes(request: Request, number: int) -> int:
        return accept(request, number) if number % 10 else 503

    with Shop(behave=sometimes) as shop:
        code, output = run(tmp_path, *patient, "--host", shop.url, *SHORT)
    assert code == 99
    assert "FAIL         errors ≤ 0.1 %" in output
    assert "PASS         dropped ≤ 0 %" in output
    assert "x http 503" in output


def test_too_few_arrivals_to_judge_exit_7_after_a_schedule_of_the_length_given(tmp_path: Path) -> None:
    with Shop() as shop:
        code, output = run(tmp_path, "--host", shop.url, "-t", "2s", "--rate", "30")
    before = "this will be inconclusive: stage 'rush': p99 needs 299 samples, there are 32; give a higher --rate"
    assert output.index(before) < output.index("Shutting down"), "said when it begins, and not found out at its end"
    assert code == 7
    assert "p99 needs 299 samples" in output
    result = recorded(tmp_path)
    assert 1.8 <= result.ended - result.started <= 2.2
    assert result.whole().dropped == 0


def test_with_json_the_verdict_does_not_spoil_what_a_program_reads(tmp_path: Path) -> None:
    options = ("-t", "1s", "--rate", "20", "--json")
    with Shop() as shop, locust(tmp_path, "--host", shop.url, *options, stderr=subprocess.PIPE) as process:
        data, talk = process.communicate(timeout=PATIENCE_S)
    assert {entry["name"] for entry in json.loads(data)} <= {"/api/orders", "/api/orders/[id]", "/api/menu/items/[id]"}
    assert "Morning rush: ramp, peak and ramp-down of the morning: INCONCLUSIVE" in talk
    last = talk.rpartition("Shutting down")[2]
    orders = next(line for line in last.splitlines() if line.startswith("POST     /api/orders"))
    assert int(orders.split()[2]) == sum(e["num_requests"] for e in json.loads(data) if e["method"] == "POST") > 0


def test_runs_that_begin_at_one_moment_share_no_file(tmp_path: Path, patient: tuple[str, str]) -> None:
    file = Path(patient[1])
    file.write_text(f"import time\ntime.strftime = lambda *_: 'now'\n{file.read_text()}")
    with Shop() as shop:
        for _ in range(2):
            run(tmp_path, *patient, "--host", shop.url, "-t", "1s", "--rate", "20")
    assert len(list((tmp_path / "reports").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (("--profile", "sometimes"), 4, "ERROR: --profile 'sometimes' is none of quick, full"),
        (("--env", "atlantis"), 4, "ERROR: no environment is called 'atlantis'; known: "),
        (("--rate", "-4"), 2, "-4 is not a positive rate"),
        (("--rate", "fast"), 2, "fast is not a positive rate; give arrivals per second, as in --rate 60"),
        (("--host", "127.0.0.1:8080"), 4, "ERROR: --host '127.0.0.1:8080' is no address to load; give one as in http:"),
        (("--host", "http://127.0.0.1:9"), 6, "ERROR: nobody answers at http://127.0.0.1:9: "),
        (("--host", "http://127.0.0.1:99999"), 4, "99999' is no address to load"),
        (("--users", "0"), 4, "ERROR: --users 0 leaves nobody to offer the load"),
        (("--tags", "breakfast"), 4, "ERROR: --tags and --exclude-tags pick tasks"),
    ],
    ids=["profile", "environment", "rate", "no rate", "host", "nobody", "port", "users", "tags"],
)
def test_a_wrong_option_is_one_message_without_a_traceback(
    tmp_path: Path, options: tuple[str, ...], code: int, message: str
) -> None:
    found, output = run(tmp_path, *options)
    assert found == code
    assert message in output
    assert "Traceback" not in output


@pytest.mark.parametrize("more", [(), ("--processes", "2")], ids=["alone", "master and two workers"])
def test_ctrl_c_keeps_what_was_recorded_and_leaves_nothing_running(tmp_path: Path, more: tuple[str, ...]) -> None:
    under_way, notice = announcing(after=50)

    with (
        Shop(behave=notice) as shop,
        locust(tmp_path, "--host", shop.url, "-t", "10m", "--rate", "200", *more) as process,
    ):
        assert under_way.wait(PATIENCE_S)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
        output, _ = process.communicate(timeout=PATIENCE_S)
        assert not any(member.is_running() for member in family)
        result = recorded(tmp_path)
        placed = {request.key for request in shop.requests if request.method == "POST"}
        assert {attempt.idempotency_key for attempt in result.attempts} == placed
        assert "Traceback" not in output
        assert process.returncode in (7, 99)


def test_a_ctrl_c_between_an_answer_and_its_record_loses_no_order(tmp_path: Path) -> None:
    locustfile = tmp_path / "interrupted.py"
    locustfile.write_text(
        "import itertools, os, signal\n"
        "from suites.load import morning_rush\n"
        "from plugins.load.client import Client\n"
        "from plugins.load.locustfile import locustfile\n"
        "MorningRush, request, numbers = locustfile(morning_rush.SCENARIO), Client.request, itertools.count()\n"
        "def interrupted(self, *arguments):\n"
        "    answer = request(self, *arguments)\n"
        "    if next(numbers) == 20:\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return answer\n"
        "Client.request = interrupted\n"
    )
    with Shop() as shop:
        code, output = run(tmp_path, "-f", str(locustfile), "--host", shop.url, "-t", "10m", "--rate", "200")
        placed = {request.key for request in shop.requests if request.method == "POST"}
    assert {attempt.idempotency_key for attempt in recorded(tmp_path).attempts} == placed
    assert code in (7, 99)
    assert "Traceback" not in output


@pytest.mark.parametrize(
    ("number", "more"),
    [
        (signal.SIGINT, ()),
        (signal.SIGTERM, ()),
        (signal.SIGINT, ("--processes", "2")),
        (signal.SIGTERM, ("--processes", "2")),
        (signal.SIGTERM, ("--web-port", "0", "--autostart")),
    ],
    ids=[
        "Ctrl-C",
        "SIGTERM",
        "Ctrl-C of a master and two workers",
        "SIGTERM of a master and two workers",
        "SIGTERM with the web UI",
    ],
)
def test_a_run_that_is_cut_short_is_no_pass(tmp_path: Path, number: signal.Signals, more: tuple[str, ...]) -> None:
    """All is well in each stage so far, and nobody knows about the rest."""
    locustfile = tmp_path / "calm.py"
    locustfile.write_text(
        "from plugins.load.arrivals import Constant, Stage, Stages\n"
        "from plugins.load.locustfile import locustfile\n"
        "from plugins.load.scenario import LoadScenario\n"
        "from plugins.slo import Slo\n"
        "day = Stages(stages=(Stage(name='day', arrivals=Constant(per_s=100, duration_s=600)),))\n"
        "slos = {'day': Slo.of('calm', 'errors <= 0 %')}\n"
        "Calm = locustfile(LoadScenario(name='calm', title='A day', story='-', quick=day, full=day, slos=slos))\n"
    )
    under_way, notice = announcing(after=50)
    with Shop(behave=notice) as shop, locust(tmp_path, "-f", str(locustfile), "--host", shop.url, *more) as process:
        assert under_way.wait(PATIENCE_S)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE_S)
        assert not any(member.is_running() for member in family)
    assert "A day: INCONCLUSIVE\n  it was stopped before the end of its schedule\n  day: calm: PASS" in output
    assert process.returncode == 7


def test_a_second_ctrl_c_leaves_at_once_and_without_a_traceback(tmp_path: Path) -> None:
    """While the last orders are still being answered, which may take as long as their time-outs."""
    under_way, hung_up = Event(), Event()
    locustfile = tmp_path / "finishing.py"
    locustfile.write_text(
        "from suites.load import morning_rush\n"
        "from plugins.load.generator import Generator\n"
        "from plugins.load.locustfile import locustfile\n"
        "MorningRush, finish = locustfile(morning_rush.SCENARIO), Generator.finish\n"
        "Generator.finish = lambda self: (print('finishing', flush=True), finish(self))\n"
    )

    def never_answer(_request: Request, _number: int) -> None:
        under_way.set()
        hung_up.wait(PATIENCE_S)

    with (
        Shop(behave=never_answer) as shop,
        locust(tmp_path, "-f", str(locustfile), "--host", shop.url, "-t", "10m", "--rate", "20") as process,
    ):
        assert under_way.wait(PATIENCE_S)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert "finishing\n" in process.stdout  # read up to that line: it acts on the first
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
        hung_up.set()
    assert process.returncode == 2
    assert "Traceback" not in output


def test_a_ctrl_c_before_a_platform_is_there_is_no_traceback(tmp_path: Path) -> None:
    locustfile = tmp_path / "interrupted.py"
    locustfile.write_text(
        "import os, signal\n"
        "from suites.load import morning_rush\n"
        "from plugins.load.locustfile import locustfile\n"
        "MorningRush = locustfile(morning_rush.SCENARIO)\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
    )
    code, output = run(tmp_path, "-f", str(locustfile))
    assert code == 2
    assert "Traceback" not in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_who_waits_for_workers_can_be_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    """There is nothing to judge yet, and nobody to wait for."""
    locustfile = tmp_path / "waiting.py"
    locustfile.write_text(
        "import gevent\n"
        "from locust import events\n"
        "from suites.load import morning_rush\n"
        "from plugins.load.locustfile import locustfile\n"
        "MorningRush = locustfile(morning_rush.SCENARIO)\n"
        "@events.init.add_listener\n"
        "def _(**_):\n"
        "    gevent.spawn(lambda: print('waits', flush=True))\n"
    )
    options = ("-f", str(locustfile), "--host", "http://127.0.0.1:9", "--master", "--master-bind-port", "0")
    with locust(tmp_path, *options) as process:
        assert process.stdout is not None
        assert "waits\n" in process.stdout  # read up to that line: it sleeps until workers come
        process.send_signal(number)
        output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == {signal.SIGINT: 2, signal.SIGTERM: -15}[number]
    assert "Traceback" not in output


def test_workers_die_with_a_killed_master(tmp_path: Path) -> None:
    under_way, notice = announcing()

    with (
        Shop(behave=notice) as shop,
        locust(tmp_path, "--host", shop.url, "-t", "10m", "--rate", "200", "--processes", "2") as process,
    ):
        assert under_way.wait(PATIENCE_S)
        workers = psutil.Process(process.pid).children(recursive=True)
        process.kill()
        _, alive = psutil.wait_procs(workers, timeout=2.0)
        assert (len(workers), alive) == (2, [])


def test_a_master_that_cannot_write_ends_the_run_and_reports_why(tmp_path: Path, patient: tuple[str, str]) -> None:
    """Its workers' samples would be missing from a verdict that nobody doubts."""
    file = Path(patient[1])
    full = "def full(self, lines):\n    raise OSError(28, 'No space left on device')\nFileSink.write = full\n"
    file.write_text(f"from plugins.load.recorder import FileSink\n{full}{file.read_text()}")
    with Shop() as shop:
        code, output = run(tmp_path, *patient, "--host", shop.url, "-t", "10m", "--rate", "20", "--processes", "1")
    assert code == 6, output
    assert "what is measured cannot be written: [Errno 28] No space left on device" in output
    assert "Traceback" not in output


def test_workers_die_with_a_master_they_have_not_reached_yet(tmp_path: Path) -> None:
    locustfile = tmp_path / "early.py"
    locustfile.write_text(
        "import os, signal\n"
        "from locust.runners import WorkerRunner\n"
        "from suites.load import morning_rush\n"
        "from plugins.load.locustfile import locustfile\n"
        "MorningRush, connect = locustfile(morning_rush.SCENARIO), WorkerRunner.connect_to_master\n"
        "def bereft(self):\n"
        "    os.kill(os.getppid(), signal.SIGKILL)\n"
        "    connect(self)\n"
        "WorkerRunner.connect_to_master = bereft\n"
    )
    code, _ = run(tmp_path, "-f", str(locustfile), "--host", "http://127.0.0.1:9", "--processes", "1")
    assert code == -signal.SIGKILL  # and its output has ended: nobody holds it open any more


@pytest.mark.parametrize(
    "option", [(), ("-t", "10m")], ids=["at the end of the schedule", "when it is cut short by Ctrl-C"]
)
def test_a_lost_worker_leaves_nothing_to_judge(
    tmp_path: Path, patient: tuple[str, str], option: tuple[str, ...]
) -> None:
    """Half of the load came to nobody: that the platform carried the other half says nothing about the whole."""
    under_way, notice = announcing(after=50)

    with (
        Shop(behave=notice) as shop,
        locust(tmp_path, *patient, "--host", shop.url, *SHORT, *option, "--processes", "2") as process,
    ):
        assert under_way.wait(PATIENCE_S)
        psutil.Process(process.pid).children()[0].kill()
        if option:
            process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 7, output
    assert "ramp-down of the morning: INCONCLUSIVE\n  the load was not the plan's: lost with their share" in output
