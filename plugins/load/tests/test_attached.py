"""Which platform a locustfile loads, and that one brought up for it ends with it."""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infrastructure.embedded.tests.processes import interruptible
from infrastructure.errors import EnvironmentFault, UsageError
from plugins.load import attached
from plugins.load.attached import Attached, attach_or_up

PATIENCE_S = 20.0
KEEPER = """
import json, sys
print(json.dumps({"CAFE_ALB_URL": "http://127.0.0.1:4711", "arguments": sys.argv[1:]}), flush=True)
sys.stdin.read()
open("gone", "w").close()
"""
"""Does what `cafe up --attached` promises: one line when ready, the end of its input is its end."""


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No platform is up, and what is started runs in an empty folder."""
    monkeypatch.setenv("CLOUDCAFE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_a_platform_brought_up_goes_down_when_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "_CAFE", KEEPER)
    platform = attach_or_up("dev", None)
    assert platform.url == "http://127.0.0.1:4711"
    platform.close()
    platform.close()
    assert (tmp_path / "gone").exists()


def test_a_platform_that_does_not_come_up_is_a_fault_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "_CAFE", "raise SystemExit(6)")
    with pytest.raises(EnvironmentFault, match=r"'dev' did not come up \(exit code 6\)"):
        attach_or_up("dev", None)


def test_a_platform_that_is_still_coming_up_ends_with_a_ctrl_c(tmp_path: Path) -> None:
    """It hears of the end of its standard input only once it is up: until then it has to be ended."""
    keeper = (
        "import os, signal, sys\n"
        "def takes_back(*_):\n"
        "    open('gone', 'w').close()\n"
        "    sys.exit(2)\n"
        "signal.signal(signal.SIGTERM, takes_back)\n"
        "os.write(2, b'coming up')\n"
        "while True:\n"
        "    signal.pause()\n"
    )
    script = (
        "import sys\n"
        "from plugins.load import attached\n"
        f"attached._CAFE = {keeper!r}\n"
        "try:\n"
        "    attached.attach_or_up('dev', None)\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(2)\n"
    )
    with (
        interruptible(),
        subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process,
    ):
        assert process.stderr is not None
        assert process.stderr.read(9) == b"coming up"
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 2
        assert (tmp_path / "gone").exists()


def test_an_unknown_environment_is_refused_naming_the_known() -> None:
    with pytest.raises(UsageError, match="'atlantis'; known: dev"):
        attach_or_up("atlantis", None)


def test_a_host_somebody_named_has_nothing_to_close() -> None:
    Attached("http://127.0.0.1:1").close()


def test_the_platform_ends_with_a_process_that_was_killed(tmp_path: Path) -> None:
    script = (
        "import signal\n"
        "from plugins.load import attached\n"
        f"attached._CAFE = {KEEPER!r}\n"
        "platform = attached.attach_or_up('dev', None)\n"
        "print(platform._keeper.pid, flush=True)\n"
        "signal.pause()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        keeper = os.pidfd_open(int(parent.stdout.readline()))
        parent.send_signal(signal.SIGKILL)
        assert select.select([keeper], [], [], PATIENCE_S)[0]
        os.close(keeper)
    assert (tmp_path / "gone").exists()
