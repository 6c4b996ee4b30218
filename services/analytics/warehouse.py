"""The revenue in Redshift, reached by its Data API: files in S3 are copied in, in transactions.

A statement is asked for, and then asked about until it has ended. Whatever does not answer in time, or is refused for
the moment (a paused cluster, a full queue), is `WarehouseAway`: the same load may be asked again, as often as it takes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from services.analytics.statements import FENCE, INSERT, SCHEMA, Load, opening
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller, Json
from services.chassis.web.health import Dependencies

NAME: Final = "redshift"
LOOK_S: Final = 2
"""How long an answer about a statement that runs may wait for its end: less than a call may take."""
PATIENCE_S: Final = 60.0
"""How long a statement may wait and run before it is cancelled, and asked for again."""


class WarehouseAway(Exception):
    """It cannot take the load now. The text says why."""


class EpochPassed(Exception):
    """A later holder of the shard has loaded already: whoever gets this has lost the lease."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WarehouseAddress:
    """Which cluster, database and login: by the ARN of the secret that holds it."""

    cluster: str
    database: str
    secret: str


class Warehouse:
    """Statements against one cluster."""

    def __init__(self, data_api: Caller, address: WarehouseAddress, dependencies: Dependencies) -> None:
        self._data_api = data_api
        self._address: Json = {
            "ClusterIdentifier": address.cluster,
            "Database": address.database,
            "SecretArn": address.secret,
        }
        self._dependencies = dependencies

    async def prepare(self) -> None:
        """Make the tables; `WarehouseAway`."""
        for statement in SCHEMA:
            await self._perform([statement])

    async def open(self, shard: str) -> None:
        """Have a shard known, before its first load; `WarehouseAway`."""
        await self._perform([opening(shard)])

    async def load(self, load: Load) -> int:
        """Insert what is not there yet; how many rows that were. `WarehouseAway`, `EpochPassed`.

        After `WarehouseAway` it may have happened all the same: asked again, it inserts what is missing, and no more.
        """
        counts = await self._perform(load.statements())
        if counts[FENCE] == 0:
            raise EpochPassed(load.shard)
        return counts[INSERT]

    async def _perform(self, statements: Sequence[str]) -> list[int]:
        """The rows that each changed; all of them in one transaction."""
        try:
            ended = await self._ended(await self._begun(statements))
        except AwsError as error:
            raise self._away(str(error)) from error
        if ended["Status"] != "FINISHED":
            raise self._away(f"{ended['Status']}: {ended.get('Error', 'no reason given')}"[:500])
        self._dependencies.succeeded(NAME)
        parts: list[dict[str, Any]] = ended.get("SubStatements") or [ended]
        return [max(int(part.get("ResultRows", 0)), 0) for part in parts]

    async def _begun(self, statements: Sequence[str]) -> str:
        answer = await self._data_api.call("BatchExecuteStatement", {**self._address, "Sqls": list(statements)})
        return str(answer["Id"])

    async def _ended(self, statement: str) -> dict[str, Any]:
        """The description of a statement that has ended; one that takes too long is cancelled first."""
        clock = asyncio.get_running_loop().time
        ends = clock() + PATIENCE_S
        while True:
            found: dict[str, Any] = await self._data_api.call(
                "DescribeStatement", {"Id": statement, "WaitTimeSeconds": LOOK_S}
            )
            if found["Status"] in ("FINISHED", "FAILED", "ABORTED"):
                return found
            if clock() >= ends:
                await self._data_api.call("CancelStatement", {"Id": statement})
                raise self._away(f"statement {statement} was {found['Status']} for {PATIENCE_S:g} s")

    def _away(self, reason: str) -> WarehouseAway:
        self._dependencies.failed(NAME, reason[:200])
        return WarehouseAway(reason)
