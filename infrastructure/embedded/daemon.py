"""The embedded cloud's process: `python -m infrastructure.embedded --environment dev --region us-east-1 --pace fast
--state FOLDER --owner-fd N --ready-fd N [--detached]`. Started by launch.py.

    claim folder ─▶ guard, zygote ─▶ parts open ─▶ platform.json, ready line ─▶ serve
                                        │                                        │
                                        ▼ fault, SIGTERM, owner dead             ├─ SIGTERM, SIGINT: close the parts in
                                     kill everything, report why                    │  order, remove the folder, exit 0
                                                                                 └─ owner dead, second signal: kill
                                                                                    everything at once, exit

The owner is a pidfd that the launcher opened: readable once that process has ended, however it did. A detached cloud
has an owner until it is ready, so that a launcher that dies half-way leaves nothing.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import time
import traceback
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import uvloop

from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.host import garbage, residue
from infrastructure.embedded.host.supervisor import ZYGOTE, Supervisor
from infrastructure.embedded.pace import PACES, Pace, pace
from infrastructure.errors import CafeError, EnvironmentFault, ExitCode
from infrastructure.state import PlatformRecord, StateFolder

_log = logging.getLogger(__name__)

_CLOSE_S = 20.0
"""How long the parts may take to close in order before everything is killed; above any scaled ECS stop time-out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the daemon was asked for, and what is new with every start: its id, the time, the operator's keys.

    `owner` and `ready` are inherited descriptors: a pidfd, the end of a pipe.
    """

    environment: str
    region: str
    pace: Pace
    state: StateFolder
    detached: bool
    owner: int | None
    ready: int | None
    platform_id: str
    started_at: float
    operator: Credentials


class CloudParts(Protocol):
    """The parts that make the cloud, put together."""

    async def open(self) -> str:
        """Start everything; the control plane's URL, once it answers."""

    async def close(self) -> None:
        """Stop everything, in order."""


Assemble = Callable[[Options, Supervisor], CloudParts]


def main(arguments: Sequence[str], assemble: Assemble, zygote: tuple[str, ...] = ZYGOTE) -> int:
    """Run until a signal ends it; the exit code."""
    options = parse(arguments)
    os.umask(0o022)  # whatever the caller's: what is private lies in private folders, and other users run the rest
    options.state.create()
    residue.claim(options.state)
    _log_plainly()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(Daemon(options, Supervisor(options.state, zygote), assemble).run())


def parse(arguments: Sequence[str]) -> Options:
    """The command line; argparse ends the process with a message when it is wrong."""
    parser = argparse.ArgumentParser(prog="infrastructure.embedded", description="The embedded cloud's daemon.")
    parser.add_argument("--environment", required=True)
    parser.add_argument("--region", required=True)
    parser.add_argument("--pace", required=True, choices=[known.name for known in PACES])
    parser.add_argument("--state", required=True, type=Path)
    parser.add_argument("--detached", action="store_true")
    parser.add_argument("--owner-fd", type=int, help="a pidfd: the cloud ends with that process")
    parser.add_argument("--ready-fd", type=int, help="a pipe: one JSON line when ready or failed")
    given = parser.parse_args(arguments)
    return Options(
        environment=given.environment,
        region=given.region,
        pace=pace(given.pace),
        state=StateFolder(given.state.resolve()),
        detached=given.detached,
        owner=given.owner_fd,
        ready=given.ready_fd,
        platform_id=uuid.uuid4().hex[:12],
        started_at=time.time(),
        operator=Credentials.long_term(),
    )


class Daemon:
    """The life of one embedded cloud, from the claim of its folder to its end."""

    def __init__(self, options: Options, supervisor: Supervisor, assemble: Assemble) -> None:
        self._options = options
        self._supervisor = supervisor
        self._assemble = assemble
        self._stop = asyncio.Event()
        self._kill = asyncio.Event()

    async def run(self) -> int:
        """Serve until a signal ends it; the exit code."""
        self._listen()
        self._supervisor.warm()
        cloud = self._assemble(self._options, self._supervisor)
        try:
            url = await self._before_the_end(cloud.open())
            self._announce(url)
        except _EndedEarly:
            self._end_at_once(ExitCode.PASSED)
        except Exception as error:  # noqa: BLE001 - whatever it was, the launcher gets it and nothing stays
            self._fail(error)
        await self._stop.wait()
        await self._close(cloud)
        return ExitCode.PASSED

    def _listen(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)
        if self._options.owner is not None:
            loop.add_reader(self._options.owner, self._orphaned, self._options.owner)

    def _on_signal(self) -> None:
        """A signal: the first asks for an orderly end, the next for an immediate one."""
        if self._stop.is_set():
            self._kill.set()
        self._stop.set()

    def _orphaned(self, owner: int) -> None:
        _log.warning("the process that owns this cloud has ended; so does the cloud")
        self._release(owner)
        self._stop.set()
        self._kill.set()

    def _release(self, owner: int) -> None:
        asyncio.get_running_loop().remove_reader(owner)
        os.close(owner)

    async def _before_the_end(self, opening: Coroutine[None, None, str]) -> str:
        """What `opening` gives, unless a signal comes first."""
        task = asyncio.create_task(opening)
        end = asyncio.ensure_future(self._stop.wait())
        await asyncio.wait((task, end), return_when=asyncio.FIRST_COMPLETED)
        if self._stop.is_set():  # also when both have come at once: then there is nobody left to open for
            raise _EndedEarly
        end.cancel()
        return task.result()

    def _announce(self, url: str) -> None:
        """From here on the platform exists, for `cafe status` and for whoever waits; if detached, without an owner."""
        options = self._options
        garbage.tame()
        record = PlatformRecord(
            platform_id=options.platform_id,
            pid=os.getpid(),
            url=url,
            access_key=options.operator.access_key,
            secret_key=options.operator.secret_key,
            pace=options.pace.name,
            region=options.region,
            started_at=options.started_at,
            detached=options.detached,
        )
        record.write(options.state)
        _log.info("ready at %s after %.2f s", url, time.time() - options.started_at)
        self._report({"url": url, "pid": record.pid})
        if options.detached and options.owner is not None:
            self._release(options.owner)

    def _report(self, message: dict[str, object]) -> None:
        """Report to the launcher. It may be gone, which alone does not end the cloud: its owner's death does."""
        if self._options.ready is None:
            return
        try:
            with open(self._options.ready, "w", encoding="utf-8") as pipe:  # noqa: PTH123 - a descriptor has no path
                pipe.write(json.dumps(message) + "\n")
        except BrokenPipeError:
            _log.warning("the launcher has gone without this report: %s", message)

    async def _close(self, cloud: CloudParts) -> None:
        """Close in order; at once on a second signal, when the owner dies, or when it takes too long."""
        _log.info("closing")
        closing = asyncio.ensure_future(self._close_in_order(cloud))
        kill = asyncio.ensure_future(self._kill.wait())
        await asyncio.wait((closing, kill), timeout=_CLOSE_S, return_when=asyncio.FIRST_COMPLETED)
        if not closing.done():
            _log.warning("not closed in order; killing what is left")
            self._end_at_once(ExitCode.PASSED)
        kill.cancel()
        closing.result()

    async def _close_in_order(self, cloud: CloudParts) -> None:
        try:
            await cloud.close()
        finally:
            await self._supervisor.close()
        residue.remove_files(self._options.state)

    def _fail(self, error: Exception) -> None:
        """Report why, leave the logs to the launcher, and nothing else."""
        if isinstance(error, CafeError):  # its text says it all
            _log.error("not opened: %s", error)
        else:
            traceback.print_exception(error)
        fault = str(error) if isinstance(error, CafeError) else f"{type(error).__name__}: {error}"
        self._report({"fault": fault})
        self._end_at_once(ExitCode.ENVIRONMENT if isinstance(error, EnvironmentFault) else ExitCode.INTERNAL)

    def _end_at_once(self, code: ExitCode) -> None:
        """No waiting and no clean-up handlers: the guard and the kernel end what the kill has not reached."""
        self._supervisor.kill_all()
        self._options.state.platform.unlink(missing_ok=True)
        self._options.state.remove_run()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


class _EndedEarly(Exception):
    """A signal, or the owner's death, came before the cloud was open."""


def _log_plainly() -> None:
    """One line per event: UTC time, level, logger, message."""
    formatter = logging.Formatter("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    for talkative in ("botocore", "boto3", "urllib3", "asyncio"):
        logging.getLogger(talkative).setLevel(logging.WARNING)
