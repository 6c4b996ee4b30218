"""Runs functions: AWS's own runtime client in one process per sandbox, forked in milliseconds from a bare interpreter.

    daemon ── Runtime API, one port per sandbox ◀── sandbox (awslambdaric, the handler, its layers)
      └── zygote-lambda ── forks ──────────────────────┘

The processes see the standard library, the runtime, their layers and their package, and nothing else of this machine's
Python. `Functions` holds the packages on disk and one fleet of sandboxes per version and configuration.
"""

import asyncio
import contextlib
import itertools
import logging
import os
import shutil
import sys
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from infrastructure.embedded.control.background import Background, end
from infrastructure.embedded.engines.functions import package as functions_package
from infrastructure.embedded.engines.functions import runtime as functions_runtime
from infrastructure.embedded.engines.functions.fleet import Host, SandboxFleet
from infrastructure.embedded.engines.functions.package import BadPackage, CodePackage
from infrastructure.embedded.engines.functions.sandbox import Ran, Sandbox
from infrastructure.embedded.engines.functions.spec import ZYGOTE, FunctionSpec
from infrastructure.embedded.host import forking
from infrastructure.embedded.host.process import Process, ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.errors import EnvironmentFault
from infrastructure.state import StateFolder, make_enterable

__all__ = ["BadPackage", "CodePackage", "FunctionSpec", "Functions", "Ran", "archive_of"]

_log = logging.getLogger(__name__)

_FORKING = Path(forking.__file__)
_PROCESSORS = len(os.sched_getaffinity(0))
KEPT_LOGS = 500
"""Sandboxes whose logs stay, the latest; a surge makes hundreds, and a platform may stay up for days."""


class Functions:
    """The engine. `idle_s` seconds after its last invocation a sandbox ends."""

    def __init__(self, supervisor: Supervisor, state: StateFolder, idle_s: float) -> None:
        self._supervisor = supervisor
        self._state = state
        state.create()
        self._root = state.run / "functions"
        self._folders: dict[str, Path] = {}
        """Where content is or will be unpacked, by its hash; never where anything was before."""
        self._unpacking: dict[Path, asyncio.Task[Process | None]] = {}
        """What unpacks a folder; its result is the process that compiles what is in there."""
        self._removals = Background(_log)
        self._fleets: dict[str, SandboxFleet] = {}
        self._retired: set[SandboxFleet] = set()
        self._in_use: Counter[Path] = Counter()
        """Folders that invocations under way were begun with; some of them may still wait for a sandbox."""
        self._numbers = itertools.count(1)
        self._logged: deque[str] = deque()
        """Ids of sandboxes that have a log, the oldest first."""
        # Side by side each start would only slow the others: their imports compete for the processors.
        starts = asyncio.Semaphore(2 * _PROCESSORS)
        self._host = Host(new_sandbox=self._new_sandbox, starts=starts, idle_s=idle_s)
        runtime = self._root / "runtime"
        program = (functions_runtime.__file__, str(_FORKING), str(runtime))
        supervisor.add_zygote(ZYGOTE, (sys.executable, "-I", "-S", "-X", "utf8", *program))

    def store(self, archive: bytes) -> tuple[CodePackage, Path]:
        """Check an archive, and unpack it in the background; where it will be. `BadPackage` says what is wrong."""
        package = functions_package.inspect(archive)
        target = self._folders.get(package.sha256)
        if target is None or self.problem(target):  # a full disk, say, may have room by now
            target = self._folders[package.sha256] = self._root / "code" / f"{package.sha256}-{next(self._numbers)}"
            unpacking = asyncio.create_task(self._unpack(archive, target), name=f"unpack {target.name}")
            unpacking.add_done_callback(_log_failure)
            self._unpacking[target] = unpacking
        return package, target

    def is_stored(self, *folders: Path) -> bool:
        """Whether all of these are unpacked."""
        return all(task.done() for folder in folders if (task := self._unpacking.get(folder)) is not None)

    def problem(self, *folders: Path) -> str:
        """Why one of these could not be unpacked; empty when all are, or still may be."""
        done = [task for folder in folders if (task := self._unpacking.get(folder)) is not None and task.done()]
        failures = [failure for task in done if not task.cancelled() and (failure := task.exception()) is not None]
        return str(failures[0]) if failures else ""

    async def stored(self, *folders: Path) -> None:
        """Wait until these are unpacked; `BadPackage` when one cannot be."""
        for folder in folders:
            if folder in self._unpacking:
                await asyncio.shield(self._unpacking[folder])

    def keep(self, folders: set[Path], keys: set[str]) -> None:
        """Retire every fleet but those of `keys`; remove every unpacked folder that neither is named nor in use.

        Folders go in the background: what unpacks or compiles there has to end first.
        """
        for key in [known for known in self._fleets if known not in keys]:
            self.retire(key)
        fleets = [each for each in (*self._fleets.values(), *self._retired) if each.size]
        folders = folders.union(self._in_use, *((each.spec.code, *each.spec.layers) for each in fleets))
        self._folders = {sha256: folder for sha256, folder in self._folders.items() if folder in folders}
        for folder in [known for known in self._unpacking if known not in folders]:
            self._removals.spawn(self._remove(folder, self._unpacking.pop(folder)), f"the removal of {folder.name}")

    async def run(
        self, spec: FunctionSpec, key: str, request_id: str, payload: bytes, *, arn: str = "", context: str = ""
    ) -> Ran:
        """One invocation; `key` names version and configuration: sandboxes are shared among those of one key.

        `arn` is what was invoked, the version's own unless an alias was asked for. `BadPackage` when the code cannot be
        unpacked.
        """
        with self._using(spec.code, *spec.layers):
            await self.stored(spec.code, *spec.layers)
            fleet = self._fleets.get(key)
            if fleet is None:
                fleet = self._fleets[key] = SandboxFleet(spec, self._host)
            return await fleet.run(request_id, payload, arn or spec.arn, context)

    @contextlib.contextmanager
    def _using(self, *folders: Path) -> Iterator[None]:
        """Nobody removes these meanwhile."""
        self._in_use.update(folders)
        try:
            yield
        finally:
            self._in_use -= Counter(folders)  # those that come to nothing go

    def retire(self, key: str) -> None:
        """Have the sandboxes of `key` finish what they do and end."""
        fleet = self._fleets.pop(key, None)
        if fleet is not None:
            fleet.retire()
            self._retired = {each for each in self._retired if not each.is_over} | {fleet}

    def sandboxes(self, key: str) -> int:
        """How many sandboxes there are of `key`, whatever they do."""
        fleet = self._fleets.get(key)
        return fleet.size if fleet is not None else 0

    async def close(self) -> None:
        await end(*self._unpacking.values())
        await asyncio.gather(*self._removals.tasks, return_exceptions=True)
        await asyncio.gather(*(fleet.close() for fleet in (*self._fleets.values(), *self._retired)))
        self._fleets.clear()
        self._retired.clear()

    def _new_sandbox(self, spec: FunctionSpec) -> Sandbox:
        sandbox = Sandbox(f"{spec.name}-{uuid4().hex[:8]}", spec, self._supervisor, self._state)
        self._logged.append(sandbox.id)
        self._prune_logs()
        return sandbox

    def _prune_logs(self) -> None:
        """Remove the oldest logs beyond `KEPT_LOGS`, but none of a living sandbox."""
        for _ in range(len(self._logged) - KEPT_LOGS):
            oldest = self._logged.popleft()
            if oldest in self._supervisor.processes:
                self._logged.append(oldest)
            else:
                (self._state.logs / f"{oldest}.log").unlink(missing_ok=True)

    async def _unpack(self, archive: bytes, target: Path) -> Process | None:
        """The archive in a thread, so that the loop goes on; then the first start does not have to compile."""
        make_enterable(target.parent)
        functions_package.make_runtime(self._root / "runtime")
        self._supervisor.warm(ZYGOTE)
        await asyncio.to_thread(functions_package.unpack, archive, target)
        await asyncio.to_thread(_keep, archive, archive_of(target))
        await asyncio.to_thread(self._supervisor.users.lend, target, target.name)
        compiling = ProcessSpec(
            id=f"lambda-compile-{next(self._numbers)}",
            kind="lambda-compile",
            resource=target.name,
            env={},
            argv=functions_package.compiling(target),
            account=target.name,
        )
        try:
            return await self._supervisor.start(compiling)
        except EnvironmentFault as fault:
            _log.warning("%s is compiled by its first start, not ahead of it: %s", target.name, fault)
            return None

    async def _remove(self, folder: Path, unpacking: "asyncio.Task[Process | None]") -> None:
        """Remove what was unpacked once nobody writes there any more."""
        [compiling] = await asyncio.gather(unpacking, return_exceptions=True)
        if isinstance(compiling, Process):
            compiling.kill()
            await compiling.wait()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        archive_of(folder).unlink(missing_ok=True)
        self._supervisor.users.release(folder.name)


def archive_of(folder: Path) -> Path:
    """The archive that a folder was unpacked from, as it was uploaded."""
    return folder.with_name(f"{folder.name}.zip")


def _keep(archive: bytes, file: Path) -> None:
    """For nobody else to read: the folder around it is open to all sandboxes."""
    file.touch(mode=0o600)
    file.write_bytes(archive)


def _log_failure(unpacking: "asyncio.Task[Process | None]") -> None:
    """The function's state shows it too, for as long as there is the function."""
    if not unpacking.cancelled() and (failure := unpacking.exception()) is not None:
        _log.warning("%s failed: %s", unpacking.get_name(), failure)
