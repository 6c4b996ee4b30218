"""`cafe` puts data on stdout and talk on stderr, and ends every error with one message and its exit code."""

import errno
import io
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import TextIO

import click
import pytest
from botocore.exceptions import ReadTimeoutError

from infrastructure import cli, cloud, deployer, manifests, prefix_lists, stacks
from infrastructure.cli import app, closed, doctor
from infrastructure.environment import Environment
from infrastructure.errors import EnvironmentFault, ExitCode
from infrastructure.login import DatabaseLogin
from infrastructure.stacks import Deployment
from infrastructure.state import PlatformRecord
from infrastructure.tests.fake_driver import FakeDriver

OUTPUTS: Mapping[str, str] = {"AlbArn": "arn:alb", "AuroraSecretArn": "arn:secret"}


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeDriver:
    """The only platform there is, not up yet."""
    fake = FakeDriver()
    monkeypatch.setenv("CLOUDCAFE_HOME", str(tmp_path))
    monkeypatch.setattr(cloud, "_driver", lambda *_arguments: fake)
    deployment = Deployment(outputs=OUTPUTS, changes={"networking": "unchanged"}, values=OUTPUTS)
    monkeypatch.setattr(stacks, "deploy", lambda *_arguments, **_more: deployment)
    monkeypatch.setattr(stacks, "outputs", lambda *_arguments: OUTPUTS)
    monkeypatch.setattr(prefix_lists, "parameters", lambda *_arguments: {})
    monkeypatch.setattr(deployer, "parameters", lambda *_arguments: {})
    monkeypatch.setattr(manifests, "files", tuple)
    monkeypatch.setattr(cloud, "read_login", lambda _client, _arn: DatabaseLogin(username="cafe", password="s3cret"))
    return fake


def test_up_leaves_the_platform_up_and_talks_on_stderr(driver: FakeDriver, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["up"]) == ExitCode.PASSED
    assert driver.calls == ["open detached", "settle"]
    said = capsys.readouterr()
    assert said.out == ""
    assert "http://127.0.0.1:1" in said.err
    assert 'eval "$(cafe env --env dev)"' in said.err


def test_up_attached_prints_one_json_line_and_ends_with_its_input(
    driver: FakeDriver, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert app.run(["up", "--attached"]) == ExitCode.PASSED
    assert driver.calls == ["open attached", "settle", "destroy"]
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["CAFE_ALB_URL"] == "http://127.0.0.1:1"


def _gone() -> TextIO:
    """A pipe that nobody reads any more."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w", encoding="utf-8", buffering=1)


def test_up_goes_on_when_nobody_reads_what_it_says(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = _gone()
    monkeypatch.setattr("sys.stderr", gone)
    assert app.run(["up"]) == ExitCode.PASSED
    assert driver.calls == ["open detached", "settle"]
    with pytest.raises(BrokenPipeError):
        gone.close()


def test_up_goes_on_without_a_stderr(driver: FakeDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr", None)
    assert app.run(["up"]) == ExitCode.PASSED
    assert driver.calls == ["open detached", "settle"]


@pytest.mark.usefixtures("driver")
def test_a_reader_that_has_seen_enough_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = _gone()
    monkeypatch.setattr("sys.stdout", gone)
    assert app.run(["status"]) == ExitCode.PASSED
    with pytest.raises(BrokenPipeError):
        gone.close()


def test_env_prints_lines_a_shell_can_read(driver: FakeDriver, capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["env"]) == ExitCode.PASSED
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("export ") for line in lines)
    words = dict(word.split("=", 1) for line in lines for word in shlex.split(line)[1:])
    assert words["AWS_ACCESS_KEY_ID"] == "it's", "quoted, so that a shell gets it whole"
    assert driver.calls == ["attach"]


@pytest.mark.usefixtures("driver")
def test_status_shows_no_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["status"]) == ExitCode.PASSED
    shown = capsys.readouterr().out
    assert "redis://:***@127.0.0.1:2/0" in shown
    assert "pass@" not in shown


@pytest.mark.usefixtures("driver")
def test_status_as_json_holds_the_environment_and_the_processes(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["status", "--json"]) == ExitCode.PASSED
    found = json.loads(capsys.readouterr().out)
    assert (found["environment"], found["processes"]) == ("dev", [])
    assert found["env"]["CAFE_ELASTICACHE_URL"] == "redis://:pass@127.0.0.1:2/0"


def test_down_takes_the_platform_away(driver: FakeDriver) -> None:
    assert app.run(["down"]) == ExitCode.PASSED
    assert driver.calls == ["destroy"]


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["up", "--env", "qa"], ExitCode.USAGE, "known: dev, prod, shared, staging"),
        (["up", "--target", "moon"], ExitCode.USAGE, "moon"),
        (["brew"], ExitCode.USAGE, "brew"),
        (["logs"], ExitCode.ENVIRONMENT, "cafe up --env dev"),
        (["down", "--env", "prod"], ExitCode.USAGE, "protected"),
    ],
    ids=["environment", "target", "command", "nothing-up", "protected"],
)
def test_an_error_is_one_message_and_its_exit_code(
    arguments: list[str], code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run(arguments) == code
    said = capsys.readouterr()
    assert message in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (EnvironmentFault("no more ports"), ExitCode.ENVIRONMENT),
        (KeyboardInterrupt(), ExitCode.INTERRUPTED),
        (ReadTimeoutError(endpoint_url="http://127.0.0.1:1/"), ExitCode.ENVIRONMENT),
        (OSError(errno.ENOSPC, "No space left on device"), ExitCode.ENVIRONMENT),
    ],
    ids=["fault", "ctrl-c", "no-answer", "disk-full"],
)
def test_a_command_that_breaks_off_ends_with_its_code(
    problem: BaseException,
    code: ExitCode,
    driver: FakeDriver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def settle(*_arguments: object) -> None:
        raise problem

    monkeypatch.setattr(driver, "settle", settle)
    assert app.run(["up"]) == code
    assert driver.calls[-1] == "close"
    assert "Traceback" not in capsys.readouterr().err


def test_a_defect_of_ours_is_no_failure_of_what_was_tested() -> None:
    """Nor does it say so: the interpreter's own exit code for a traceback is 1."""
    defect = "from infrastructure.cli import app; app.run = lambda arguments: 1 / 0; app.main()"
    ended = subprocess.run([sys.executable, "-c", defect], capture_output=True, text=True, check=False)
    assert ended.returncode == ExitCode.INTERNAL
    assert "ZeroDivisionError" in ended.stderr


@pytest.mark.parametrize(("free_mib", "begins"), [(499, "FAIL  folders"), (500, "ok    folders")])
def test_doctor_tells_a_disk_without_room(
    free_mib: int, begins: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOUDCAFE_HOME", str(tmp_path))
    monkeypatch.setattr(shutil, "disk_usage", lambda _folder: SimpleNamespace(free=free_mib << 20))
    monkeypatch.setattr(doctor, "CHECKS", tuple(check for check in doctor.CHECKS if check[0] == "folders"))
    app.run(["doctor"])
    told = capsys.readouterr().out
    assert told.startswith(begins)
    assert f"{free_mib} MiB of room" in told


def test_a_ctrl_c_before_the_command_is_known_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "main", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (ExitCode.INTERRUPTED, "cafe: interrupted\n")


def test_help_lists_the_environments_and_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["--help"]) == ExitCode.PASSED
    said = capsys.readouterr().out
    for word in ("dev", "staging", "prod", *app.COMMANDS, "restore", "report"):
        assert f"  {word} " in said


def test_every_command_is_where_the_table_says() -> None:
    context = click.Context(app.cafe)
    for name in app.COMMANDS:
        command = app.cafe.get_command(context, name)
        assert command is not None
        assert command.name == name


def test_logs_show_the_end_of_each_log_with_its_name(
    driver: FakeDriver, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del driver
    folder = tmp_path / ".cloudcafe" / "dev" / "logs"
    folder.mkdir(parents=True)
    (folder / "order-1.log").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (folder / "envoy.log").write_text("other\n", encoding="utf-8")
    assert app.run(["logs", "-n", "2", "order"]) == ExitCode.PASSED
    assert capsys.readouterr().out.splitlines() == ["order-1 | two", "order-1 | three"]
    assert app.run(["logs", "loyalty"]) == ExitCode.USAGE
    assert "no process's name begins with 'loyalty'. There are: envoy, order" in capsys.readouterr().err


def test_a_mistyped_command_comes_with_the_one_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run(["stauts"]) == ExitCode.USAGE
    assert "No such command 'stauts'. Did you mean status?" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["dev", "shared"])
def test_doctor_tries_the_platform_that_is_up_whichever_it_is(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attached: list[str] = []

    def attach(where: Environment, _target: str) -> SimpleNamespace:
        attached.append(where.name)
        return SimpleNamespace(environment=where)

    monkeypatch.setattr(PlatformRecord, "read", lambda state: object() if state.root.name == name else None)
    monkeypatch.setattr(cloud, "attach", attach)
    monkeypatch.setattr("infrastructure.closed.caches", lambda _platform: "open to all")
    closed._platform.cache_clear()
    try:
        with pytest.raises(EnvironmentFault, match=f"open to all: .*cafe down --env {name}"):
            dict(closed.CHECKS)["caches"]()
    finally:
        closed._platform.cache_clear()
    assert attached == [name]
