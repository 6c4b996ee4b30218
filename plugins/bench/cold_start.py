"""From nothing to every service healthy, as a person waits for it: the whole `cafe up` process."""

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform

_LIMIT_S = 120


class PlatformColdStart:
    """Wall time of `cafe up`, from starting the interpreter to its exit; `cafe down` in between is not counted."""

    name: ClassVar[str] = "platform_cold_start"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = False

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        for _ in range(repeats):
            started = time.monotonic()
            _cafe("up")
            took = time.monotonic() - started
            _cafe("down")
            yield took


def _cafe(command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "infrastructure.cli", command], check=True, capture_output=True, timeout=_LIMIT_S
    )
