"""A cloud that does not start is one fault with its reason, and leaves nothing."""

import sys
from pathlib import Path

import pytest

from infrastructure.embedded import launch
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.daemons import family, up
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

pytestmark = pytest.mark.usefixtures("no_daemon_left")


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("fault", "did not start: port 80 is taken"),
        ("defect", "did not start: ZeroDivisionError: a defect of ours"),
        ("vanish", "died while it started (exit code 9)"),
    ],
)
def test_a_cloud_that_does_not_open_is_one_fault_and_leaves_nothing(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch, mode: str, said: str
) -> None:
    monkeypatch.setenv("MODE", mode)
    with pytest.raises(EnvironmentFault) as fault:
        up(state)
    assert said in str(fault.value)
    assert family(state) == set()
    assert not state.root.exists()


def test_the_fault_carries_the_end_of_the_log(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "defect")
    with pytest.raises(EnvironmentFault) as fault:
        up(state)
    assert fault.value.log[-1] == "ZeroDivisionError: a defect of ours"


def test_a_fault_is_no_traceback(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "fault")
    with pytest.raises(EnvironmentFault) as fault:
        up(state)
    assert "Traceback" not in str(fault.value)


def test_a_cloud_that_takes_too_long_to_open_is_a_fault(state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODE", "hang-opening")
    monkeypatch.setattr(launch, "START_S", 0.5)
    with pytest.raises(EnvironmentFault, match="not ready after"):
        up(state)
    assert family(state) == set()


@pytest.mark.parametrize(
    "program",
    [
        pytest.param((sys.executable, "-c", "import no_such_module"), id="import-error"),
        pytest.param((sys.executable, "-m", "infrastructure.embedded", "--pace", "warp"), id="usage"),
    ],
)
def test_a_daemon_that_dies_before_its_first_step_is_a_fault(state: StateFolder, program: tuple[str, ...]) -> None:
    with pytest.raises(EnvironmentFault, match="died while it started") as fault:
        launch.launch("test", "nowhere", FAST, state, detached=False, program=program)
    assert fault.value.log
    assert not state.root.exists()


def test_a_program_that_is_missing_leaves_nothing(state: StateFolder) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(FileNotFoundError):
        launch.launch("test", "us-east-1", FAST, state, detached=False, program=("/no/such/python",))
    assert not state.root.exists()
    assert len(list(Path("/proc/self/fd").iterdir())) == before
