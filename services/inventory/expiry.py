"""The end of holds: every pod looks for those whose time is over, and each hold is ended by one of them.

With the same look the rows go of orders that were taken or released long ago.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from services.chassis.figures.counters import Figures
from services.chassis.postgres.pool import StoreUnavailable
from services.inventory.store import ENDED_AT_ONCE, PURGED_AT_ONCE

EXPIRED: Final = "HoldsExpired"
PURGED: Final = "ReservationsPurged"
LOOK_S: Final = 2.0
"""How often holds are looked for: on the average one pod looks every half of that."""

_log = logging.getLogger(__name__)


class Expiry:
    """Ends holds with `end`, which gives the orders and their stores; tells `changed` of the stores.

    `purge` forgets what is older than the retention, some of it, and gives how many orders that were.
    """

    def __init__(
        self,
        end: Callable[[], Awaitable[list[tuple[str, str]]]],
        purge: Callable[[], Awaitable[int]],
        changed: Callable[..., None],
        metrics: Figures,
    ) -> None:
        self._end = end
        self._purge = purge
        self._changed = changed
        self._metrics = metrics

    async def keep(self, look_s: float = LOOK_S) -> None:
        """Until cancelled: end what is over. A database that is away is asked again the next time."""
        while True:
            try:
                has_more = await self.sweep() >= ENDED_AT_ONCE
                has_more = await self.purge() >= PURGED_AT_ONCE or has_more
            except StoreUnavailable as error:
                _log.warning("no hold was ended", extra={"error": str(error)})
                has_more = False
            if not has_more:
                await asyncio.sleep(random.uniform(0.5, 1.5) * look_s)  # noqa: S311 - so that pods do not look together

    async def sweep(self) -> int:
        """How many holds were ended now. `StoreUnavailable`."""
        ended = await self._end()
        if ended:
            self._metrics.count(EXPIRED, len(ended))
            self._changed(*{store_id for _, store_id in ended})
            _log.info("holds ended", extra={"orders": [order_id for order_id, _ in ended]})
        return len(ended)

    async def purge(self) -> int:
        """How many orders were forgotten now. `StoreUnavailable`."""
        purged = await self._purge()
        if purged:
            self._metrics.count(PURGED, purged)
        return purged
