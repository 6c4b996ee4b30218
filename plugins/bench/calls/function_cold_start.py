"""Fifty checkouts at one moment, and no sandbox there: what each caller waits, init included."""

from collections.abc import Iterator
from typing import ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.stress.surge.runner import Surge, restored, retire
from services.catalog import functions


class ColdStart:
    """Each repetition is a surge of fifty, and each of its checkouts a sample."""

    name: ClassVar[str] = "cold_start_p99"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        surge = Surge.of(platform, functions()[0])
        with restored(surge.functions, surge.name) as environment:
            for _ in range(repeats):
                retire(surge.functions, surge.name, environment)
                yield from _cold(surge)


def _cold(surge: Surge) -> Iterator[float]:
    """What every checkout of a wave took; one that failed ends the figure, and one that met a warm sandbox is none."""
    for checkout in surge.wave(is_cold=True).checkouts:
        if checkout.ending != "ok":
            raise EnvironmentFault(f"a checkout of the surge {checkout.ending}: {checkout.detail}")
        if checkout.init_ms is not None:
            yield checkout.took_ms
