"""The hourly recalculation of ten million customers, ours and the same in Java 17, in turns: one run, three figures.

Both read the same files, follow the same rules, and have to come to the same checksum.
"""

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.figure import NotMeasurableHere
from plugins.bench.shared import FigureOfRuns, SharedRuns

CUSTOMERS = 10_000_000
SEED = 1_000_003
ROUNDS = 30
_WARM = ROUNDS // 2
"""From this round on time counts: by then Java has compiled all it will, and ours has touched all its memory."""
_LIMIT_S = 300
_JAVA = Path(__file__).parent / "java" / "Recalculation.java"
_RELEASE = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One program's rounds: customers a second, in the middle of the warm ones; what it came to; the most memory."""

    rate: float
    checksum: str
    peak_bytes: int = 0

    @classmethod
    def read(cls, line: str) -> "Measured":
        """Of what a program printed; `EnvironmentFault` shows what is no such line."""
        try:
            said: dict[str, Any] = json.loads(line)
            rate = said["customers"] / median(said["seconds"][_WARM:])
            return cls(rate=rate, checksum=said["checksum"], peak_bytes=said.get("peak_bytes", 0))
        except (ValueError, KeyError, TypeError, ZeroDivisionError) as wrong:
            raise EnvironmentFault(f"the batch printed no result, but {line[:200]!r}") from wrong


Both = tuple[Measured, Measured | None]
"""Of ours, and of Java's where there is one."""


class BatchRuns(SharedRuns[Both]):
    """Java, where there is one, takes its turn right after each of ours: what else the machine does meets both."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = ""

    def make(self, platform: Platform | None) -> Both:
        del platform
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="cafe-batch-")
            atexit.register(shutil.rmtree, self._folder)
        given = ("-m", "services.loyalty.batch", self._folder, "--count", str(CUSTOMERS), "--rounds", str(ROUNDS))
        ours = _measured((sys.executable, *given))
        try:
            java = java_of(os.environ)
        except NotMeasurableHere:
            return ours, None
        return ours, _measured((java, str(_JAVA), self._folder, str(SEED), str(CUSTOMERS), str(ROUNDS)))


class BatchRate(FigureOfRuns[Both]):
    """Customers recalculated a second on all cores."""

    name: ClassVar[str] = "batch_rate"
    unit: ClassVar[str] = "customers/s"
    needs_platform: ClassVar[bool] = False

    def read(self, run: Both) -> float:
        return run[0].rate


class BatchMemory(FigureOfRuns[Both]):
    """The most memory of all its processes together, what they share counted in each: the true use is lower."""

    name: ClassVar[str] = "batch_memory"
    unit: ClassVar[str] = "MB"
    needs_platform: ClassVar[bool] = False

    def read(self, run: Both) -> float:
        return run[0].peak_bytes / 1e6


class BatchAgainstJava:
    """Our rate in multiples of Java's. No figure where the two do not come to the same."""

    name: ClassVar[str] = "batch_against_java"
    unit: ClassVar[str] = "x"
    needs_platform: ClassVar[bool] = False

    def __init__(self, runs: BatchRuns) -> None:
        self._runs = runs

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        java_of(os.environ)
        for ours, javas in self._runs.take(platform, repeats):
            if javas is not None:
                yield ratio(ours, javas)


def ratio(ours: Measured, javas: Measured) -> float:
    """How many times as fast; `EnvironmentFault` when they did not do the same."""
    if ours.checksum != javas.checksum:
        raise EnvironmentFault(f"not the same arithmetic: ours came to {ours.checksum}, Java's to {javas.checksum}")
    return ours.rate / javas.rate


def java_of(environment: Mapping[str, str]) -> str:
    """The Java of JAVA_HOME, else of PATH; `NotMeasurableHere` says that there is none, or that it is too old."""
    home = environment.get("JAVA_HOME")
    found = shutil.which("java", path=f"{home}/bin" if home else environment.get("PATH", ""))
    if found is None:
        where = "JAVA_HOME" if home else "PATH"
        raise NotMeasurableHere(f"there is no java in {where}: install a JDK, {_RELEASE} or later")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False, timeout=_LIMIT_S).stderr
    release = said.partition('"')[2].split(".")[0]
    if not release.isdecimal() or int(release) < _RELEASE:
        raise NotMeasurableHere(f"{found} is Java {release or '?'}; it takes {_RELEASE} or later")
    return found


def _measured(command: Sequence[str]) -> Measured:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=_LIMIT_S)
    except subprocess.CalledProcessError as failed:
        raise EnvironmentFault(f"{command[0]} failed ({failed.returncode}): {failed.stderr.strip()[-500:]}") from failed
    except subprocess.TimeoutExpired as late:
        raise EnvironmentFault(f"{command[0]} was not done after {_LIMIT_S} s") from late
    return Measured.read(done.stdout)
