"""A warehouse in Redshift, reached by its Data API: a statement is asked for, and then asked about until it has ended.

Whatever does not answer in time, or is refused for the moment (a paused cluster, a full queue), is `WarehouseAway`: the
same may be asked again, as often as it takes.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller, Json
from services.chassis.aws.warehouse import WarehouseAddress
from services.chassis.web.health import Dependencies

NAME: Final = "redshift"
LOOK_S: Final = 2
"""How long an answer about a statement that runs may wait for its end: less than a call may take."""
PATIENCE_S: Final = 60.0
"""How long a statement may wait and run before it is cancelled, and asked for again."""

Record = list[dict[str, Any]]
"""A row as the Data API has it: a field is a kind and a value."""


class WarehouseAway(Exception):
    """It cannot do it now. The text says why."""


class DataApi:
    """Statements against one cluster."""

    def __init__(self, data_api: Caller, address: WarehouseAddress, dependencies: Dependencies) -> None:
        self._data_api = data_api
        self._address: Json = {
            "ClusterIdentifier": address.cluster,
            "Database": address.database,
            "SecretArn": address.secret,
        }
        self._dependencies = dependencies

    async def ask(self, statement: str) -> str:
        """Have a statement run; its id. `WarehouseAway`."""
        return await self._begun("ExecuteStatement", {"Sql": statement})

    async def answer(self, statement: str) -> list[Record]:
        """The rows of a statement that was asked, once it has ended; `WarehouseAway`."""
        ended, records = await self._ended(statement), list[Record]()
        page: Json = {"Id": statement}
        while ended.get("HasResultSet") and page:
            found = await self._call("GetStatementResult", page)
            rows, following = found.get("Records"), found.get("NextToken")
            records += rows if isinstance(rows, list) else []
            page = {"Id": statement, "NextToken": following} if following else {}
        return records

    async def cancel(self, statement: str) -> None:
        """End it, if it has not by itself; `WarehouseAway`."""
        await self._call("CancelStatement", {"Id": statement})

    async def perform(self, statements: Sequence[str]) -> list[int]:
        """The rows that each changed; all of them in one transaction. `WarehouseAway`: whether it was is unknown."""
        begun = await self._begun("BatchExecuteStatement", {"Sqls": list(statements)})
        parts = (await self._ended(begun)).get("SubStatements", ())
        return [max(int(part.get("ResultRows", 0)), 0) for part in parts]

    async def _begun(self, operation: str, what: Json) -> str:
        return str((await self._call(operation, {**self._address, **what}))["Id"])

    async def _ended(self, statement: str) -> dict[str, Any]:
        """The description of a statement that has done what it should; one that takes too long is cancelled."""
        clock = asyncio.get_running_loop().time
        ends = clock() + PATIENCE_S
        while True:
            found: dict[str, Any] = await self._call("DescribeStatement", {"Id": statement, "WaitTimeSeconds": LOOK_S})
            if found["Status"] == "FINISHED":
                self._dependencies.succeeded(NAME)
                return found
            if found["Status"] in ("FAILED", "ABORTED"):
                raise self._away(f"{found['Status']}: {found.get('Error', 'no reason given')}"[:500])
            if clock() >= ends:
                await self.cancel(statement)
                raise self._away(f"statement {statement} was {found['Status']} for {PATIENCE_S:g} s")

    async def _call(self, operation: str, parameters: Json) -> Json:
        try:
            return await self._data_api.call(operation, parameters)
        except AwsError as error:
            raise self._away(str(error)) from error

    def _away(self, reason: str) -> WarehouseAway:
        self._dependencies.failed(NAME, reason[:200])
        return WarehouseAway(reason)
