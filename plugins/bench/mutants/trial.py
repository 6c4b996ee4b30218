"""Runs the nearest tests on a copy of the tree that holds one mutant; the working tree is never touched."""

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infrastructure.embedded.host import proctree
from infrastructure.errors import EnvironmentFault
from plugins.bench.mutants.mutations import Mutant

Verdict = Literal["killed", "timed out", "survived"]
GRACE_S = 30.0
"""A mutant may take this longer than three times the tests without it: a busy machine kills no mutant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What became of one mutant, after so many seconds."""

    number: int
    mutant: Mutant
    verdict: Verdict
    seconds: float


class Copy:
    """A copy of the tree at `root`, as git would commit it, in the folder `at`."""

    def __init__(self, root: Path, at: Path) -> None:
        self.at = at
        self._healthy: dict[tuple[str, ...], float] = {}
        listed = subprocess.run(
            ["git", "ls-files", "-coz", "--exclude-standard"],  # noqa: S607 - the one on the PATH, as make calls it
            cwd=root,
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for name in filter(None, listed.split("\0")):
            if (root / name).is_file():
                (at / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, at / name)
        self._check_that_it_is_tested()

    def try_out(self, number: int, mutant: Mutant, tests: tuple[str, ...]) -> Trial:
        """Do `tests` see the mutant? `EnvironmentFault` when they are red without it."""
        most_s = 3 * self._healthy_s(tests) + GRACE_S
        began = time.monotonic()
        self._write(mutant.path, mutant.text)
        try:
            code = self._run(tests, most_s)
        finally:
            self._write(mutant.path, mutant.before)
        verdict: Verdict = "timed out" if code is None else "survived" if code == 0 else "killed"
        return Trial(number=number, mutant=mutant, verdict=verdict, seconds=time.monotonic() - began)

    def _healthy_s(self, tests: tuple[str, ...]) -> float:
        tests = tuple(sorted(tests))
        if tests not in self._healthy:
            began = time.monotonic()
            if self._run(tests, None) != 0:
                raise EnvironmentFault(f"the tests fail without any mutant: pytest {' '.join(tests)}")
            self._healthy[tests] = time.monotonic() - began
        return self._healthy[tests]

    def _write(self, path: str, text: str) -> None:
        file = self.at / path
        file.write_text(text, encoding="utf-8")
        for compiled in (file.parent / "__pycache__").glob(f"{file.stem}.*.pyc"):
            compiled.unlink()  # its time and size may be those of the text before

    def _run(self, tests: tuple[str, ...], most_s: float | None) -> int | None:
        """pytest's exit code, None when it took longer than `most_s`."""
        command = [sys.executable, "-m", "pytest", "-q", "-x", *tests]
        process = subprocess.Popen(
            command,
            cwd=self.at,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            return process.wait(most_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            process.kill()
            process.wait()
            self._end_what_is_left()

    def _end_what_is_left(self) -> None:
        """A mutant may keep from ending what the tests started."""
        while left := list(proctree.with_environment(f"PYTHONPATH={self.at}")):
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.at)}

    def _check_that_it_is_tested(self) -> None:
        """An installed package, or a tree elsewhere on the path, would let every mutant live."""
        command = [sys.executable, "-c", "import plugins, services, infrastructure as i; print(plugins.__file__)"]
        found = subprocess.run(
            command, cwd=self.at, env=self._environment(), capture_output=True, check=True, text=True
        )
        if not Path(found.stdout.strip()).is_relative_to(self.at):
            raise EnvironmentFault(f"tests in {self.at} would test {found.stdout.strip()} and no mutant")
