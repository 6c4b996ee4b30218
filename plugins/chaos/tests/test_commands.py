"""`cafe restore`: data on standard output, talk on standard error, an exit code that says whether anything is left."""

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infrastructure.errors import ExitCode
from infrastructure.state import StateFolder
from plugins.chaos.commands import restore
from plugins.chaos.fault import Call, Plan
from plugins.chaos.tests.fakes import origin
from plugins.chaos.undo.journal import Journal

PLAN = Plan(fault="dynamodb-throttle", targets=("t",), calls=(Call(action="a"),), undo=(), backup={}, created_at=1.0)


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateFolder:
    monkeypatch.setenv("CLOUDCAFE_HOME", str(tmp_path))
    return StateFolder.of("dev", tmp_path)


def crashed(state: StateFolder) -> None:
    log = Journal.of(state.journal, "e1", lambda: 1.0)
    log.planned(origin(platform_id="p1"), PLAN, {})
    log.mark("injecting")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(restore, arguments)


def test_nothing_to_undo_is_no_error(state: StateFolder) -> None:
    result = run()
    assert (result.exit_code, result.stdout) == (ExitCode.PASSED, "")
    assert "nothing to undo in environment 'dev'" in result.stderr


def test_what_was_done_is_reported_to_machines_and_to_people(state: StateFolder) -> None:
    crashed(state)

    first, second = run(), run()

    assert first.exit_code == ExitCode.PASSED
    assert json.loads(first.stdout) == {
        "experiment": "e1",
        "fault": "dynamodb-throttle",
        "targets": ["t"],
        "outcome": "platform gone",
        "detail": "the platform it touched is gone, and its state with it",
    }
    assert "e1: platform gone" in first.stderr
    assert second.stdout == ""


def test_a_platform_that_does_not_answer_leaves_the_experiment_open(state: StateFolder) -> None:
    crashed(state)
    record = {"pid": os.getpid(), "platform_id": "p1", "url": "http://127.0.0.1:9", "pace": "fast", "detached": True}
    state.platform.write_text(json.dumps(record))

    result = run()

    assert result.exit_code == ExitCode.ENVIRONMENT
    assert json.loads(result.stdout)["outcome"] == "stuck"
    assert "put t right by hand, then `cafe restore --accept e1`; or take the platform down" in result.stderr
    assert run("--accept", "e1").exit_code == ExitCode.PASSED
    assert run().stdout == ""


def test_only_the_target_asked_for_is_restored(state: StateFolder) -> None:
    crashed(state)
    assert run("--target", "aws").stdout == ""
    assert run("--target", "embedded").stdout != ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--env", "mars"), ExitCode.USAGE, "no environment is called 'mars'"),
        (("--accept", "e9"), ExitCode.ENVIRONMENT, "no open experiment is called 'e9'"),
    ],
    ids=["unknown environment", "unknown experiment"],
)
def test_a_wrong_name_is_one_message(
    state: StateFolder, arguments: tuple[str, ...], code: ExitCode, message: str
) -> None:
    result = run(*arguments)
    assert (result.exit_code, message in result.stderr, result.stdout) == (code, True, "")
