"""A load for figures to be read off, and what it has to be for that."""

import tempfile
from pathlib import Path
from typing import ClassVar, Final

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.bench.shared import SharedRuns
from plugins.load.capacity import offer
from plugins.load.journeys import PlaceOrder
from plugins.load.result import Window

WARM_UP_S: Final = 3.0
"""Of the same load, before what counts: connections open, caches fill."""
_LENGTH_S: Final = 10.0


def offered(platform: Platform, *, per_s: float, seconds: float, journey: str = PlaceOrder.name) -> Window:
    """So many arrivals a second at the load balancer, after `WARM_UP_S`, with generator and platform on the same cores.

    `EnvironmentFault` unless all went well, see `all_answered`.
    """
    with tempfile.TemporaryDirectory() as folder:
        url, where = platform.endpoint("alb"), Path(folder)
        window = offer(url, per_s=per_s, seconds=seconds, warm_up_s=WARM_UP_S, folder=where, journey=journey)
    return all_answered(window)


class OfferedRuns(SharedRuns[Window]):
    """Runs of ten seconds each at the offered rate `per_s`."""

    per_s: ClassVar[float]
    journey: ClassVar[str] = PlaceOrder.name

    def make(self, platform: Platform | None) -> Window:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        return offered(platform, per_s=self.per_s, seconds=_LENGTH_S, journey=self.journey)


def all_answered(window: Window) -> Window:
    """`window`, if every arrival was offered and answered well: a request that fails fast makes every figure better.

    `EnvironmentFault` names what went wrong otherwise.
    """
    wrong = {"dropped": window.dropped, "unanswered": window.unanswered, **window.errors}
    errors = ", ".join(f"{count} x {kind}" for kind, count in wrong.items() if count)
    if errors or not window.due:
        raise EnvironmentFault(
            f"of {window.due} requests offered {errors or 'none'}: no figure can be read off this run"
        )
    return window


def rate(window: Window) -> float:
    """Good answers a second."""
    return window.good.total / (window.end - window.start)


def p99_ms(window: Window) -> float:
    """The p99 in ms, from the scheduled start, of a window in which all went well; `EnvironmentFault` of any other."""
    latency_us = all_answered(window).latency.percentile(0.99)
    assert latency_us is not None  # noqa: S101 - all were answered, and there were some
    return latency_us / 1000
