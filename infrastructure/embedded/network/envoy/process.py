"""The data plane: one Envoy process that holds every listener of the platform, configured through files it watches.

    publish(owner, fragment) ──> xds.files ──> changed files, each renamed into place ──inotify──> Envoy

The files are the whole state: a restarted Envoy reads them and is what the one before was, on the same ports.
"""

import asyncio
import logging
import shutil
from collections.abc import Mapping
from itertools import chain, repeat
from urllib.parse import quote

from infrastructure.embedded.control.background import end, log_defect
from infrastructure.embedded.host import binaries
from infrastructure.embedded.host.answering import answer_of
from infrastructure.embedded.host.supervisor import Process, ProcessSpec, Supervisor
from infrastructure.embedded.network.envoy import admin, xds
from infrastructure.embedded.network.envoy.model import Fragment
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder

PROCESS_ID = "envoy"
START_DEADLINE_S = 15.0
STOP_GRACE_S = 2.0
DRAIN_S = 86_400
"""How long the connections of a removed listener live on: as long as a platform, since one that has gone dark behind a
security group keeps those that were open.
"""
VERIFY_PAUSES_S = (0.25, 1.0, 4.0)
"""Envoy reports to nobody when it has read what was published: on a busy machine the first look may be too early."""
_RESTART_PAUSES_S = (0.0, 0.2, 0.5, 1.0, 2.0)

_log = logging.getLogger(__name__)


class Envoy:
    """Owns the process and the files it reads. `publish` works before `start` too: it only writes files."""

    def __init__(self, supervisor: Supervisor, state: StateFolder) -> None:
        self._supervisor = supervisor
        self._folder = state.run / "envoy"
        self._socket = admin.socket_path(self._folder)
        self._fragments: dict[str, Fragment] = {}
        self._written: dict[str, bytes] = {}
        self._process: Process | None = None
        self._is_wanted = False
        self._restart: asyncio.Task[None] | None = None
        self._verification: asyncio.Task[None] | None = None
        self._is_unverified = False
        self._refused = 0.0
        supervisor.on_exit(self._ended)

    # --- the process --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start Envoy and return once it serves; `EnvironmentFault` with its log's tail when it does not."""
        self._write_changes(self._fragments)
        await self._launch()
        self._is_wanted = True

    async def close(self) -> None:
        """Stop Envoy and remove its files. Idempotent."""
        self._is_wanted = False
        await end(self._restart, self._verification)
        if self._process is not None:
            await self._process.stop(STOP_GRACE_S)
        admin.remove(self._socket, self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._written.clear()

    async def _launch(self) -> None:
        # In a thread: the first look hashes a hundred megabytes.
        binary = await asyncio.to_thread(binaries.find, "envoy")
        admin.prepare(self._socket, self._folder)
        startup = self._folder / "bootstrap.json"
        startup.write_bytes(xds.bootstrap(self._folder, self._socket))
        self._supervisor.users.own(self._folder, PROCESS_ID)
        argv = (str(binary.path), "-c", str(startup), *_OPTIONS, "--drain-strategy", "immediate")
        spec = ProcessSpec(
            id=PROCESS_ID, kind="envoy", resource="envoy", env={}, argv=argv, account=PROCESS_ID, low_ports=True
        )
        process = await self._supervisor.start(spec)
        self._process = process
        # It is not listening yet, or answers 503 while it initialises.
        await answer_of(self._supervisor, process, lambda: admin.get(self._socket, "/ready"), within_s=START_DEADLINE_S)
        self._refused = 0.0

    def _ended(self, process: Process) -> None:
        if process is self._process and self._is_wanted and (self._restart is None or self._restart.done()):
            _log.warning("Envoy ended with %s; starting it again", process.returncode)
            self._restart = asyncio.create_task(self._start_again())
            log_defect(self._restart, _log, "the restart of Envoy")

    async def _start_again(self) -> None:
        """Until it serves, since without it nothing does; each failure is logged and waits a little longer."""
        for pause in chain(_RESTART_PAUSES_S, repeat(_RESTART_PAUSES_S[-1])):
            await asyncio.sleep(pause)
            try:
                await self._launch()
            except EnvironmentFault:
                _log.exception("Envoy did not start again")
            else:
                return

    # --- its configuration --------------------------------------------------------------------------------------------

    def publish(self, owner: str, fragment: Fragment) -> None:
        """Replace what `owner` published before, within milliseconds; `ValueError` when names or ports clash."""
        if self._fragments.get(owner) == fragment:
            return
        fragments = {**self._fragments, owner: fragment}
        if conflicts := xds.conflicts(fragments):
            raise ValueError(f"{owner} cannot publish this: {'; '.join(conflicts)}")
        self._write_changes(fragments)
        self._fragments = fragments  # not before: what could not be written is published by the next try
        self._is_unverified = True
        if self._is_wanted and (self._verification is None or self._verification.done()):
            self._verification = asyncio.create_task(self._verify())
            log_defect(self._verification, _log, "the look whether Envoy took its configuration over")

    def _write_changes(self, fragments: Mapping[str, Fragment]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = xds.files(fragments.values(), self._folder)
        for name, data in content.items():
            if self._written.get(name) != data:
                temporary = self._folder / f"{name}.new"
                temporary.write_bytes(data)
                temporary.replace(self._folder / name)
                self._written[name] = data
        for name in self._written.keys() - content.keys():
            (self._folder / name).unlink(missing_ok=True)
            del self._written[name]

    async def _verify(self) -> None:
        """What Envoy refuses it only counts and logs, and goes on with what it had: so log it where people look."""
        while self._is_unverified:  # once more for what was published meanwhile: the last look may be too early for it
            self._is_unverified = False
            await self._look_for_refusals()

    async def _look_for_refusals(self) -> None:
        for pause in VERIFY_PAUSES_S:
            await asyncio.sleep(pause)
            try:
                refused = sum((await self.stats("update_rejected$")).values())
            except OSError as error:
                _log.warning("it is not known whether Envoy took its configuration over: %s", error)
                return
            if refused > self._refused:
                _log.error("Envoy refused a configuration:\n%s", "\n".join(self._supervisor.tail(PROCESS_ID)))
            self._refused = refused

    # --- its statistics -----------------------------------------------------------------------------------------------

    async def stats(self, pattern: str) -> Mapping[str, float]:
        """Counters and gauges whose name holds a match of the RE2 expression `pattern`; `OSError` if Envoy is away.

        Without those that have counted nothing yet, which are most of them: Envoy need not compare their names.
        """
        return admin.parsed(await admin.get(self._socket, f"/stats?usedonly&filter={quote(pattern, safe='')}"))


_OPTIONS = f"--concurrency 1 --disable-hot-restart --log-level warning --drain-time-s {DRAIN_S}".split()
