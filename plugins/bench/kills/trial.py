"""One kill: start a run, end the victim at its moment, and see what is left."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infrastructure.cloud import Platform
from infrastructure.embedded.host import residue
from infrastructure.state import MARKER, StateFolder
from plugins.bench.kills import witness
from plugins.bench.kills.schedule import EVENTS, Kill, Victim

ENDS_THE_RUN: frozenset[Victim] = frozenset({"pytest", "hang", "worker"})
"""With these only the watchdog is left to roll back. Any other run goes on, and undoes when its window is over."""
ORPHANS_S = 2.0
UNDO_S = 10.0
_RUN_LIMIT_S = 150.0
_COMMANDS: Mapping[str, str] = {
    "worker": "-u -c import sys;exec(eval(sys.stdin",  # how execnet starts one
    "locust": "-m locust",
    "supervisor": "-m infrastructure.embedded",
    "envoy": "envoy",
    "redis": "-server /",  # valkey-server, or a redis-server from PATH
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one kill left.

    `undo_s`: seconds from the kill until nothing was open; None where nothing was, where the platform died with the
    run, and where the run lived on and undid in its own time.
    """

    kill: Kill
    struck_at: str | None
    """The experiment's last event when the kill had been sent, "" where none was open; None: there was no victim."""
    orphans: tuple[str, ...]
    residue: tuple[str, ...]
    undo_s: float | None
    exit_code: int | None

    @property
    def is_clean(self) -> bool:
        return not self.orphans and not self.residue and (self.undo_s is None or self.undo_s <= UNDO_S)


class Trial:
    """Runs pytest in `home`; `platform` is the kept one, or None where the run brings up its own."""

    def __init__(self, kill: Kill, home: Path, state: StateFolder, platform: Platform | None) -> None:
        self._kill = kill
        self._home = home
        self._state = state
        self._platform = platform
        self._campaign = f"{os.getpid()}-{kill.number}"
        # What a trial before this one left open, on a platform that died with it: the next run's start closes it.
        self._earlier = witness.journals(state)

    def run(self) -> Outcome:
        """Start, strike, wait, look. Ends whatever it started, also when the look found orphans."""
        before = self._touched()
        run = self._start()
        try:
            struck_at = self._strike(run)
            is_timed = self._kill.victim in ENDS_THE_RUN and self._outlives_the_run
            undo_s = self._undone() if is_timed and struck_at else None
            exit_code = self._ended(run)
            orphans = self._orphans()
        finally:
            witness.end(list(witness.carrying(witness.CAMPAIGN, self._campaign)))
            run.wait()
        return Outcome(
            kill=self._kill,
            struck_at=struck_at,
            orphans=orphans,
            residue=self._residue(before),
            undo_s=undo_s,
            exit_code=exit_code,
        )

    @property
    def _outlives_the_run(self) -> bool:
        """With the supervisor goes the platform and every fault in it; the next start closes the journal."""
        return self._kill.is_kept and self._kill.victim != "supervisor"

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pytest", "suites/chaos", "-k", self._kill.scenario, "-q"]
        command += ["-n", "1"] if self._kill.victim == "worker" else []
        command += ["--keep"] if self._kill.is_kept else []
        environment = {**os.environ, "CLOUDCAFE_HOME": str(self._home), witness.CAMPAIGN: self._campaign}
        log = (self._home / f"run-{self._kill.number}.log").open("wb")
        with log:
            return subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _strike(self, run: subprocess.Popen[bytes]) -> str | None:
        """Kill the victim at its moment: the last event of the experiment then, "" for none; None: nobody to kill."""
        victim = self._await_moment(run)
        if victim is None:
            return None
        try:
            os.kill(victim, signal.SIGSTOP if self._kill.victim == "hang" else signal.SIGKILL)
        except ProcessLookupError:  # it ended by itself since it was found: there is nobody to kill
            return None
        return witness.last_event(self._open())

    def _await_moment(self, run: subprocess.Popen[bytes]) -> int | None:
        """The victim, once it is time. Looked for beforehand where the moment is short: reading /proc takes longer.

        A program that is only asked for its version while the platform starts is gone by then: look again.
        """
        event = EVENTS.get(self._kill.moment)
        if event is None:
            witness.until(lambda: run.poll() is not None, self._kill.after_s)
            return self._victim(run)
        wanted, victim = f'"{event}"', self._victim(run)

        def is_time() -> bool:
            nonlocal victim
            if victim is None or not witness.is_alive(victim):
                victim = self._victim(run)
            return victim is not None and any(wanted in text for text in self._open())

        witness.until(lambda: run.poll() is not None or is_time(), _RUN_LIMIT_S)
        return victim if run.poll() is None else None

    def _victim(self, run: subprocess.Popen[bytes]) -> int | None:
        if self._kill.victim in ("pytest", "hang"):
            return run.pid if run.poll() is None else None
        wanted = _COMMANDS[self._kill.victim]
        found = witness.carrying(witness.CAMPAIGN, self._campaign) | witness.carrying(MARKER, str(self._state.root))
        matching = sorted(pid for pid, command in found.items() if wanted in command and pid != run.pid)
        return matching[0] if matching else None

    def _open(self) -> tuple[str, ...]:
        return witness.open_events(self._state, besides=self._earlier)

    def _undone(self) -> float | None:
        took = witness.until(lambda: not self._open(), _RUN_LIMIT_S)
        return float("inf") if took is None else took

    def _ended(self, run: subprocess.Popen[bytes]) -> int | None:
        if self._kill.victim == "hang" and run.poll() is None:
            os.kill(run.pid, signal.SIGCONT)
        witness.until(lambda: run.poll() is not None, _RUN_LIMIT_S)
        return run.poll()

    def _orphans(self) -> tuple[str, ...]:
        """What is still there two seconds after the run's end.

        A kept platform is no orphan, be it one that the run brought up in place of a killed one; nor is its undo.
        """
        witness.until(lambda: not self._left(), UNDO_S if self._kill.is_kept else ORPHANS_S)
        return tuple(f"{pid} {command[:100]}" for pid, command in self._left().items())

    def _left(self) -> dict[int, str]:
        left = witness.carrying(witness.CAMPAIGN, self._campaign)
        platform = witness.carrying(MARKER, str(self._state.root))
        if self._kill.is_kept and residue.living_daemon(self._state) is not None:
            return {pid: command for pid, command in left.items() if pid not in platform}
        return left | platform

    def _touched(self) -> dict[str, object] | None:
        return None if self._platform is None else witness.touched(self._platform)

    def _residue(self, before: dict[str, object] | None) -> tuple[str, ...]:
        open_now = tuple(text.splitlines()[-1][:120] for text in self._open() if text)
        if not self._outlives_the_run:
            return ()
        after = self._touched()
        changed = () if after == before else (f"state before {before}, after {after}",)
        return open_now + changed


def home_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder of its own for the campaign's platforms."""
    return tempfile.TemporaryDirectory(prefix="cafe-kills-", ignore_cleanup_errors=True)
