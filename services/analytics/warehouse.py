"""The revenue in Redshift: files in S3 are copied in, in transactions."""

from services.analytics.statements import FENCE, INSERT, SCHEMA, Load, opening
from services.chassis.aws.data_api import DataApi


class EpochPassed(Exception):
    """A later holder of the shard has loaded already: whoever gets this has lost the lease."""


class Warehouse(DataApi):
    """The revenue's tables in one cluster."""

    async def prepare(self) -> None:
        """Make the tables; `WarehouseAway`."""
        for statement in SCHEMA:
            await self.perform([statement])

    async def open(self, shard: str) -> None:
        """Have a shard known, before its first load; `WarehouseAway`."""
        await self.perform([opening(shard)])

    async def load(self, load: Load) -> int:
        """Insert what is not there yet; how many rows that were. `WarehouseAway`, `EpochPassed`.

        After `WarehouseAway` it may have happened all the same: asked again, it inserts what is missing, and no more.
        """
        counts = await self.perform(load.statements())
        if counts[FENCE] == 0:
            raise EpochPassed(load.shard)
        return counts[INSERT]
