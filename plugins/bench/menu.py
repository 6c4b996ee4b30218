"""Menu items read a second at a fixed offered rate, with generator and platform on the same cores."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from infrastructure.cloud import Platform
from plugins.bench.offered import all_answered
from plugins.load.capacity import offer
from plugins.load.journeys import ReadMenu

OFFERED = 850.0
"""Reads offered a second: a little above the goal of 800, so that the goal is not met by rounding."""
_WARM_UP_S, _LENGTH_S = 3.0, 10.0


class MenuCachedReads:
    """Items answered 200 a second over ten seconds, through the load balancer, after three of warming up."""

    name: ClassVar[str] = "menu_cached_reads"
    unit: ClassVar[str] = "/s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                window = offer(
                    platform.endpoint("alb"),
                    per_s=OFFERED,
                    seconds=_LENGTH_S,
                    warm_up_s=_WARM_UP_S,
                    folder=Path(folder),
                    journey=ReadMenu.name,
                )
            yield all_answered(window).good.total / _LENGTH_S
