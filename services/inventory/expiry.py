"""The end of holds: every pod looks for those whose time is over, and each hold is ended by one of them."""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import Final

from services.chassis.figures.counters import Figures
from services.chassis.postgres.pool import StoreUnavailable
from services.inventory.store import ENDED_AT_ONCE

EXPIRED: Final = "HoldsExpired"
LOOK_S: Final = 2.0
"""How often holds are looked for: on the average one pod looks every half of that."""

_log = logging.getLogger(__name__)


class Expiry:
    """Ends holds with `end`, which gives the orders and their stores; tells `changed` of the stores."""

    def __init__(
        self,
        end: Callable[[], Awaitable[list[tuple[str, str]]]],
        changed: Callable[..., None],
        metrics: Figures,
    ) -> None:
        self._end = end
        self._changed = changed
        self._metrics = metrics

    async def keep(self, look_s: float = LOOK_S) -> None:
        """Until cancelled: end what is over. A database that is away is asked again the next time."""
        while True:
            try:
                ended = await self.sweep()
            except StoreUnavailable as error:
                _log.warning("no hold was ended", extra={"error": str(error)})
                ended = 0
            if ended < ENDED_AT_ONCE:  # or there may be more
                await asyncio.sleep(random.uniform(0.5, 1.5) * look_s)  # noqa: S311 - so that pods do not look together

    async def sweep(self) -> int:
        """How many holds were ended now. `StoreUnavailable`."""
        ended = await self._end()
        if ended:
            self._metrics.count(EXPIRED, len(ended))
            self._changed(*{store_id for _, store_id in ended})
            _log.info("holds ended", extra={"orders": [order_id for order_id, _ in ended]})
        return len(ended)
