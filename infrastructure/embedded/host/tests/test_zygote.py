"""The zygote as its other end sees it: packets in, packets out, clean processes between."""

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.host import zygote
from services import catalog

ROOT = Path(__file__).parents[__name__.count(".")]
LIGHT = """
import sys
from infrastructure.embedded.host import zygote
sys.exit(zygote.main(sys.argv[1:], preload=lambda: None))
"""
THREADED = """
import sys, threading
from infrastructure.embedded.host import zygote
sys.exit(zygote.main(sys.argv[1:], preload=threading.Thread(target=threading.Event().wait, daemon=True).start))
"""


class Peer:
    """The daemon's part, by hand."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, folder: Path) -> None:
        self.process = process
        self.folder = folder
        self._control = control
        control.settimeout(10.0)

    def ask(self, name: str, entry: str, env: Mapping[str, str] | None = None) -> None:
        request = {"id": name, "entry": entry, "env": dict(env or {}), "log": str(self.folder / f"{name}.log")}
        self._control.send(json.dumps(request).encode())

    def hear(self) -> dict[str, Any]:
        packet: dict[str, Any] = json.loads(self._control.recv(65536))
        return packet

    def forked(self, name: str, entry: str) -> int:
        self.ask(name, entry)
        heard = self.hear()
        assert (heard["event"], heard["id"]) == ("forked", name)
        return int(heard["pid"])

    def hang_up(self) -> None:
        self._control.close()


@contextlib.contextmanager
def running(folder: Path, code: str = LIGHT) -> Iterator[Peer]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    command = (sys.executable, "-P", "-c", code, str(theirs.fileno()))
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with ours, subprocess.Popen(command, pass_fds=(theirs.fileno(),), env=env, stderr=subprocess.PIPE) as process:
        theirs.close()
        try:
            yield Peer(process, ours, folder)
        finally:
            process.kill()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with running(tmp_path) as started:
        assert started.hear()["event"] == "ready"
        yield started


def ended(pid: int, within_s: float = 2.0) -> bool:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    found = bool(poller.poll(within_s * 1000))
    os.close(descriptor)
    return found


@pytest.mark.parametrize(
    ("entry", "code"),
    [("time:tzset", 0), ("os:abort", -signal.SIGABRT), ("os:no_such_function", 1), ("no_such_module:serve", 1)],
)
def test_a_childs_end_is_reported_with_its_code(peer: Peer, entry: str, code: int) -> None:
    pid = peer.forked("one", entry)
    assert peer.hear() == {"event": "exited", "id": "one", "pid": pid, "returncode": code}


def test_requests_before_the_imports_are_done_are_answered(tmp_path: Path) -> None:
    with running(tmp_path) as peer:
        peer.ask("early", "time:tzset")
        assert [peer.hear()["event"] for _ in range(3)] == ["ready", "forked", "exited"]


def test_logs_are_appended_to_and_private(peer: Peer) -> None:
    for _ in range(2):
        peer.forked("one", "no_such_module:serve")
        peer.hear()
    log = peer.folder / "one.log"
    assert log.read_text(encoding="utf-8").count("No module named 'no_such_module'") == 2
    assert log.stat().st_mode & 0o777 == 0o600


def test_a_signal_to_the_group_reaches_a_child_that_was_just_reported(peer: Peer) -> None:
    for number in range(20):
        pid = peer.forked(f"task-{number}", "signal:pause")
        os.killpg(pid, signal.SIGTERM)
        assert peer.hear()["returncode"] == -signal.SIGTERM


def test_children_die_with_the_zygote(peer: Peer) -> None:
    pids = [peer.forked(name, "signal:pause") for name in ("one", "two")]
    peer.process.kill()
    assert [pid for pid in pids if not ended(pid)] == []


def test_a_closed_socket_ends_the_zygote_and_its_children(peer: Peer) -> None:
    pid = peer.forked("one", "signal:pause")
    peer.hang_up()
    assert peer.process.wait(5.0) == 0
    assert ended(pid)


def test_an_import_that_starts_a_thread_is_refused(tmp_path: Path) -> None:
    with running(tmp_path, THREADED) as peer:
        assert peer.process.stderr is not None
        assert b"an import started 1 threads" in peer.process.stderr.read()
        assert peer.process.wait(5.0) == 1


def test_what_services_use_can_be_preloaded_and_stays_single_threaded(tmp_path: Path) -> None:
    with running(tmp_path, LIGHT.replace(", preload=lambda: None", "")) as peer:
        ready = peer.hear()
        assert ready["event"] == "ready"
        peer.forked("one", "time:tzset")
        assert peer.hear()["returncode"] == 0


def test_the_catalogues_entries_are_among_what_is_preloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(zygote, "PRELOAD", ())
    monkeypatch.setattr(zygote, "_preload_entry", loaded.append)
    zygote.preload()
    assert loaded == [service.entry for service in catalog.containers()]


def test_a_service_that_cannot_be_imported_does_not_take_the_others_down(capsys: pytest.CaptureFixture[str]) -> None:
    zygote._preload_entry("services.no_such_service.app:serve")
    assert "No module named 'services.no_such_service'" in capsys.readouterr().err
