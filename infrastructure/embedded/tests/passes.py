"""One pass of a controller over all of its objects, one period of measurements, as tests make them by hand."""

import asyncio
import time
from typing import Any

from infrastructure.embedded.control.asking import Asking
from infrastructure.embedded.control.controller import Controller, Keyed
from infrastructure.embedded.control.failures import raise_all
from infrastructure.embedded.control.metrics import Metrics


async def reconcile(controller: Controller) -> float | None:
    """Look at every object once, side by side; when to look again at the first. Failures are raised together."""
    keys = controller.keys() if isinstance(controller, Keyed) else (controller.name,)
    results = await asyncio.gather(*(controller.reconcile(key) for key in keys), return_exceptions=True)
    raise_all(controller.name, [result for result in results if isinstance(result, Exception)])
    return min((result for result in results if isinstance(result, float)), default=None)


async def measure(metrics: Metrics, asking: Asking[Any]) -> None:
    """Ask every source for the second that has just passed, and wait for the answers."""
    metrics.collect(1.0, time.time() - 1.0)
    assert asking.task is not None
    await asking.task
