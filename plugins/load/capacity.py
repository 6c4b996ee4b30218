"""What a platform carries: a rate offered for a while, and the highest one that still meets an SLO."""

from collections.abc import Callable
from pathlib import Path

from plugins.load.arrivals import Constant
from plugins.load.journeys import PlaceOrder
from plugins.load.plan import LoadPlan
from plugins.load.result import Window
from plugins.load.runner import start_at
from plugins.slo import Slo, Verdict


def offer(
    url: str, *, per_s: float, seconds: float, folder: Path, warm_up_s: float = 0.0, journey: str = PlaceOrder.name
) -> Window:
    """Offer `per_s` arrivals a second to the load balancer at `url` for `seconds`: the run as one window.

    `warm_up_s` of the same load come before the window and do not count: connections open, caches fill.
    `LoadError` if the generator could not do it. `dropped` and `slip` of the window say whether it really was offered.
    """
    plan = LoadPlan(arrivals=Constant(per_s=per_s, duration_s=warm_up_s + seconds), journey=journey)
    with start_at(plan, url, folder) as run:
        result = run.result()
        opens = run.started_at + warm_up_s
        return result.window(opens, opens + seconds)


def breakpoint_rate(
    offered: Callable[[float], Window], slo: Slo, *, low_per_s: float, high_per_s: float, step_per_s: float
) -> float | None:
    """The highest rate, to `step_per_s`, at which `offered(rate)` meets `slo`; None if not even `low_per_s` does.

    Bisection: about log2((high - low) / step) runs. A run that proves nothing does not count as met.
    """
    if not _is_met(offered(low_per_s), slo):
        return None
    if _is_met(offered(high_per_s), slo):
        return high_per_s
    while high_per_s - low_per_s > step_per_s:
        middle = (low_per_s + high_per_s) / 2
        if _is_met(offered(middle), slo):
            low_per_s = middle
        else:
            high_per_s = middle
    return low_per_s


def _is_met(window: Window, slo: Slo) -> bool:
    return slo.judge(window.indicators(), samples=window.samples).verdict is Verdict.PASS
