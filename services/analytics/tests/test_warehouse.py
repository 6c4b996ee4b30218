"""The Data API as it answers: statements that run, fail, vanish, or never end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from services.analytics.statements import Load
from services.analytics.tests.fakes import away
from services.analytics.warehouse import EpochPassed, Warehouse
from services.chassis.aws.data_api import NAME, WarehouseAway
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Json
from services.chassis.aws.warehouse import WarehouseAddress
from services.chassis.tests import virtual_time
from services.chassis.web.health import Dependencies

LOAD = Load(shard="shardId-0", epoch=5, last="1", url="s3://bucket/a.csv", role="default")
OVER = ("FINISHED", "FAILED", "ABORTED")


@dataclass
class DataApi:
    """Each look at a statement tells the next of `states`; the last one stays. `counts`: rows of the parts."""

    states: list[Json]
    counts: tuple[int, ...] = (1, 0, 2, 2, 0)
    refusal: AwsError | None = None
    calls: list[tuple[str, Json]] = field(default_factory=list)

    async def call(self, operation: str, parameters: Json) -> Json:
        self.calls.append((operation, parameters))
        if self.refusal is not None:
            raise self.refusal
        if operation == "BatchExecuteStatement":
            return {"Id": "statement-1"}
        if operation == "CancelStatement":
            return {"Status": True}
        if len(self.states) == 1 and "Status" in self.states[0] and self.states[0]["Status"] not in OVER:
            await asyncio.sleep(float(str(parameters["WaitTimeSeconds"])))
        parts: list[dict[str, Any]] = [{"ResultRows": count} for count in self.counts]
        return {"SubStatements": parts, **(self.states.pop(0) if len(self.states) > 1 else self.states[0])}


def run(api: DataApi, dependencies: Dependencies | None = None) -> int:
    address = WarehouseAddress(cluster="cafe-test", database="cafe", secret="arn:aws:secretsmanager:x")
    warehouse = Warehouse(api, address, dependencies or Dependencies(NAME))

    async def load() -> int:
        return await warehouse.load(LOAD)

    return virtual_time.run(load())


def test_a_load_is_one_transaction_and_tells_how_many_rows_were_new() -> None:
    api = DataApi([{"Status": "SUBMITTED"}, {"Status": "PICKED"}, {"Status": "STARTED"}, {"Status": "FINISHED"}])
    assert run(api) == 2
    begun = [parameters for operation, parameters in api.calls if operation == "BatchExecuteStatement"]
    assert begun == [
        {
            "ClusterIdentifier": "cafe-test",
            "Database": "cafe",
            "SecretArn": "arn:aws:secretsmanager:x",
            "Sqls": list(LOAD.statements()),
        }
    ]


def test_an_epoch_that_has_passed_is_told() -> None:
    with pytest.raises(EpochPassed, match="shardId-0"):
        run(DataApi([{"Status": "FINISHED"}], counts=(0, 0, 2, 0, 0)))


def _refused() -> DataApi:
    return DataApi([{}], refusal=AwsError(operation="Batch", code="ValidationException", message="paused", status=400))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        pytest.param(lambda: DataApi([{"Status": "FAILED", "Error": "1023"}]), "FAILED: 1023", id="failed"),
        pytest.param(lambda: DataApi([{"Status": "ABORTED"}]), "ABORTED: no reason", id="aborted"),
        pytest.param(_refused, "ValidationException: paused", id="refused"),
        pytest.param(lambda: DataApi([{}], refusal=away("Batch")), "not now", id="not there"),
        pytest.param(lambda: DataApi([{"Status": "SUBMITTED"}]), "was SUBMITTED for 60 s", id="never ends"),
    ],
)
def test_a_warehouse_that_cannot_is_away_and_says_why(make: Callable[[], DataApi], reason: str) -> None:
    dependencies = Dependencies(NAME)
    with pytest.raises(WarehouseAway, match=reason):
        run(make(), dependencies)
    assert dependencies.report()[NAME]["state"] == "failing"


def test_a_statement_that_never_ends_is_cancelled() -> None:
    api = DataApi([{"Status": "STARTED"}])
    with pytest.raises(WarehouseAway):
        run(api)
    assert ("CancelStatement", {"Id": "statement-1"}) in api.calls


def test_a_warehouse_that_is_back_is_well() -> None:
    dependencies = Dependencies(NAME)
    dependencies.failed(NAME, "paused")
    run(DataApi([{"Status": "FINISHED"}]), dependencies)
    assert dependencies.report()[NAME]["state"] == "ok"


def test_the_tables_are_made_one_after_the_other() -> None:
    api = DataApi([{"Status": "FINISHED"}], counts=(-1,))
    address = WarehouseAddress(cluster="c", database="d", secret="s")
    asyncio.run(Warehouse(api, address, Dependencies(NAME)).prepare())
    begun = [parameters["Sqls"] for operation, parameters in api.calls if operation == "BatchExecuteStatement"]
    assert [str(statements)[:36] for statements in begun] == [
        "['CREATE TABLE IF NOT EXISTS revenue",
        "['CREATE TABLE IF NOT EXISTS loads (",
    ]
