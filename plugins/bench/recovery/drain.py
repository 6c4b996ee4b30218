"""From the cordon of a node until its pods are gone, through the API alone, while orders come."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from infrastructure.cloud import Platform
from plugins.bench.offered import all_answered
from plugins.chaos.faults import fault
from plugins.load.arrivals import Constant
from plugins.load.plan import LoadPlan
from plugins.load.runner import start_at

OFFERED = 50.0
"""Orders a second."""
_WARM_UP_S, _AFTER_S = 3.0, 3.0
"""Before the drain, and after it: what it broke may show late."""
_LONGEST_S = 240.0


class NodeDrain:
    """The fault of the chaos catalogue, undone before the next. A drain during which an order failed has no figure."""

    name: ClassVar[str] = "node_drain"
    unit: ClassVar[str] = "s"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        for _ in range(repeats):
            with tempfile.TemporaryDirectory() as folder:
                yield _drained(platform, Path(folder))


def _drained(platform: Platform, folder: Path) -> float:
    load, drain = LoadPlan(arrivals=Constant(per_s=OFFERED, duration_s=_LONGEST_S)), fault("eks-node-drain")
    with start_at(load, platform.endpoint("alb"), folder) as run:
        time.sleep(_WARM_UP_S)
        plan = drain.plan(platform, time.time())
        try:
            began = time.monotonic()
            drain.inject(platform, plan)
            took = time.monotonic() - began
            time.sleep(_AFTER_S)
        finally:
            drain.rollback(platform, plan)
        ended = time.time()
        time.sleep(_AFTER_S)  # the last ones that count have their answers
        run.stop()
        all_answered(run.result().window(run.started_at + _WARM_UP_S, ended))
    return took
