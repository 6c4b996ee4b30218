"""One pass of a controller over all of its objects, as tests make it by hand."""

import asyncio

from infrastructure.embedded.control.controller import Controller, Keyed
from infrastructure.embedded.control.failures import raise_all


async def reconcile(controller: Controller) -> float | None:
    """Look at every object once, side by side; when to look again at the first. Failures are raised together."""
    keys = controller.keys() if isinstance(controller, Keyed) else (controller.name,)
    results = await asyncio.gather(*(controller.reconcile(key) for key in keys), return_exceptions=True)
    raise_all(controller.name, [result for result in results if isinstance(result, Exception)])
    return min((result for result in results if isinstance(result, float)), default=None)
