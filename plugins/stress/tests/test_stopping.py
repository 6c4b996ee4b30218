"""A run is over when no task says it works and no process does; who is left is named."""

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from infrastructure.errors import EnvironmentFault
from infrastructure.status import PlatformStatus
from plugins.stress.cpu import stopping
from plugins.stress.cpu.stopping import on_this_machine, stop

NOW = 4e9


def task(state: str, workers: int, at: float = NOW) -> dict[str, Any]:
    return {"task": "t1", "state": state, "workers": workers, "at": at}


@dataclass
class Service:
    """Answers with `states`, one after the other, and then with the last of them."""

    states: list[list[dict[str, Any]] | None]
    asked: list[str] = field(default_factory=list)

    def stop(self) -> None:
        self.asked.append("DELETE")

    def state(self) -> dict[str, Any]:
        self.asked.append("GET")
        found = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if found is None:
            raise EnvironmentFault("no answer")
        return {"tasks": found}


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "LIMIT_S", 0.1)


@pytest.mark.parametrize(
    "states",
    [
        pytest.param([[task("stopped", 0)]], id="at once"),
        pytest.param([[task("running", 1)], [task("running", 1), task("stopped", 0)], [task("stopped", 0)]], id="soon"),
        pytest.param([None, [task("finished", 0)]], id="silent for a moment"),
        pytest.param([[task("failed", 0), task("running", 1, at=1.0)]], id="one was killed long ago"),
        pytest.param([[]], id="nobody took part"),
    ],
)
def test_a_run_is_over_when_no_task_works_any_more(states: list[list[dict[str, Any]] | None]) -> None:
    service, count = Service(states), len(states)
    found = stop(service, lambda: ())
    assert (found.took_s < 60, found.left) == (True, ())
    assert service.asked == ["DELETE", *["GET"] * count]


@pytest.mark.parametrize(
    ("state", "left"),
    [
        ([task("running", 2)], "task t1 is running with 2 processes"),
        ([task("starting", 0)], "task t1 is starting with 0 processes"),
        ([task("stopped", 1)], "task t1 is stopped with 1 processes"),
        (None, "the service does not say: no answer"),
    ],
)
def test_a_run_that_does_not_end_is_given_up_and_says_what_is_left(state: Any, left: str) -> None:
    found = stop(Service([state]), lambda: ())
    assert (found.took_s, found.left) == (math.inf, (left,))


def test_a_process_that_is_left_counts_whatever_the_tasks_say() -> None:
    found = stop(Service([[task("stopped", 0)]]), lambda: ("process 7 works",))
    assert (found.took_s, found.left) == (math.inf, ("process 7 works",))


def status(pid: int | None) -> PlatformStatus:
    return PlatformStatus(
        platform_id="p",
        environment="dev",
        target="embedded",
        pace="fast",
        url=None,
        pid=pid,
        started_at=0.0,
        endpoints={},
        processes=(),
    )


@contextmanager
def platform(work: str) -> Iterator[int]:
    """A process with a child that does `work`; its pid."""
    child = "print(1, flush=True); input()"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]])"
    with subprocess.Popen(
        [sys.executable, "-c", parent, work], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid


def test_processes_of_the_platform_that_do_the_work_are_found() -> None:
    with platform("services.tea:brew") as pid:
        [found] = on_this_machine(status(pid), "services.tea:brew")()
        assert found.startswith("process ")
        assert on_this_machine(status(pid), "services.coffee:brew")() == ()


def test_on_aws_there_are_no_processes_to_look_for() -> None:
    assert on_this_machine(status(None), "services.tea:brew")() == ()
