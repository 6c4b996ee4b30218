"""From nothing to every service healthy, as a person waits for it: the whole `cafe up` process."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault

_LIMIT_S = 120
_TAIL = 2000


class PlatformColdStart:
    """Wall time of `cafe up`, from starting the interpreter to its exit; `cafe down` in between is not counted."""

    name: ClassVar[str] = "platform_cold_start"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = False

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        for _ in range(repeats):
            started = time.monotonic()
            try:
                cafe("up")
                took = time.monotonic() - started
            finally:
                cafe("down")
            yield took


def cafe(command: str) -> None:
    """Run `cafe` with `command`; `EnvironmentFault` with its own last words if it fails or takes too long."""
    try:
        subprocess.run(
            [sys.executable, "-m", "infrastructure.cli", command], check=True, capture_output=True, timeout=_LIMIT_S
        )
    except subprocess.CalledProcessError as error:
        raise EnvironmentFault(f"cafe {command} failed (exit code {error.returncode}): {_end_of(error)}") from error
    except subprocess.TimeoutExpired as error:
        raise EnvironmentFault(f"cafe {command} was not done after {_LIMIT_S} s: {_end_of(error)}") from error


def _end_of(error: subprocess.CalledProcessError | subprocess.TimeoutExpired) -> str:
    output: bytes = error.stderr or b""
    return output.decode("utf-8", "replace").strip()[-_TAIL:] or "it printed nothing"
