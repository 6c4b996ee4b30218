"""Envoy's counters of each period, for the APIs whose traffic it carries."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.metrics import Datum, Metrics
from infrastructure.embedded.network.envoy.admin import increase

_log = logging.getLogger(__name__)

Statistics = Mapping[str, float]
"""By the name that Envoy has for it what was counted, or is."""


class StatisticsSource(Protocol):
    """Where the counters are read; `Envoy`, outside the tests."""

    async def stats(self, pattern: str) -> Statistics: ...


def asked(
    metrics: Metrics,
    title: str,
    envoy: StatisticsSource,
    pattern: str,
    datums: Callable[[Statistics, Statistics], Iterable[Datum]],
) -> Asking[StatisticsSource]:
    """Envoy is asked at each period's end for what fits `pattern`; when it does not answer, the next period has it.

    `datums` makes metrics of by how much each grew in the period, and of what each is now.
    """
    now: Statistics = {}

    async def read(source: StatisticsSource, _elapsed_s: float) -> Iterable[Datum]:
        nonlocal now
        before, now = now, await source.stats(pattern)
        return tuple(datums(increase(before, now), now))

    def missed(_source: StatisticsSource) -> None:
        _log.warning("Envoy did not answer with its statistics; those of %s count for the next period", title)

    return Asking(metrics, title, lambda: (envoy,), read, missed)
