"""Stock without a thought for failure: an order is told that it is taken when that is only noted.

What is noted lies in memory until a batch is full, and is lost with the process. Only to prove that the suites notice.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from services.chassis.postgres.pool import WriterPool
from services.inventory.domain import Demand, Outcome
from services.inventory.store import AuroraStock

BATCH: Final = 100


class HastyStock(AuroraStock):
    """`AuroraStock`, but for the truth."""

    def __init__(self, pool: WriterPool) -> None:
        super().__init__(pool)
        self._noted: dict[str, Demand] = {}

    async def take(self, demands: Sequence[Demand]) -> Mapping[str, Outcome]:
        self._noted |= {each.order_id: each for each in demands}
        if len(self._noted) >= BATCH:
            batch, self._noted = self._noted, {}
            await super().take(list(batch.values()))
        return {each.order_id: "taken" for each in demands}
