"""From records to files and loads: what is written where, in which order, and what a failure leaves to do again."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from services.analytics.loading import Loader
from services.analytics.statements import Load
from services.analytics.stream import Record
from services.analytics.tests.fakes import AT, away, paid
from services.chassis.aws.data_api import WarehouseAway
from services.chassis.aws.errors import AwsError

SHARD = "shardId-000000000001"


@dataclass
class Files:
    """A bucket in memory."""

    bucket: str = "bucket"
    held: dict[str, bytes] = field(default_factory=dict)
    refuses: str = ""

    async def put(self, key: str, body: bytes) -> None:
        if self.refuses == "put":
            raise away("PUT")
        self.held[key] = body

    async def delete(self, key: str) -> None:
        if self.refuses == "delete":
            raise away("DELETE")
        del self.held[key]


@dataclass
class Revenue:
    """A warehouse that counts the lines of the file it is told of."""

    files: Files
    loads: list[Load] = field(default_factory=list)
    is_away: bool = False

    async def open(self, _shard: str) -> None: ...

    async def load(self, load: Load) -> int:
        if self.is_away:
            raise WarehouseAway("paused")
        self.loads.append(load)
        return self.files.held[load.url.removeprefix("s3://bucket/")].count(b"\n")


def records(*data: bytes) -> list[Record]:
    return [Record(sequence=str(100 + n), data=each, arrived_at=AT) for n, each in enumerate(data)]


def loader(files: Files, revenue: Revenue) -> Loader:
    return Loader(files, revenue, role="default", clock=lambda: AT + 2.0)


def test_a_batch_is_one_file_and_one_load() -> None:
    files = Files()
    revenue = Revenue(files)
    batch = asyncio.run(
        loader(files, revenue).take(SHARD, 7, records(paid(1), paid(2, type="order_accepted"), paid(3)))
    )
    assert (batch.sales, batch.rows, batch.poison, batch.lags) == (2, 2, 0, (2.0, 2.0))
    [load] = revenue.loads
    assert (load.shard, load.epoch, load.last) == (SHARD, 7, "102")
    assert files.held == {}, "a file that is loaded is deleted"


def test_records_without_a_sale_are_no_load() -> None:
    files = Files()
    revenue = Revenue(files)
    batch = asyncio.run(loader(files, revenue).take(SHARD, 7, records(paid(1, type="order_accepted"))))
    assert (batch.sales, batch.rows, revenue.loads) == (0, 0, [])


def test_poison_is_kept_as_it_came_with_its_reason() -> None:
    files = Files()
    batch = asyncio.run(loader(files, Revenue(files)).take(SHARD, 7, records(b"\xff", paid(1, total_amount="-1"))))
    assert (batch.poison, sorted(files.held)) == (2, [f"poison/{SHARD}/100.json", f"poison/{SHARD}/101.json"])
    kept = json.loads(files.held[f"poison/{SHARD}/100.json"])
    assert (kept["data"], kept["sequence"], kept["arrived_at"]) == ("/w==", "100", AT)
    assert kept["reason"].startswith("it is not JSON")


def test_poison_that_cannot_be_kept_stops_the_batch() -> None:
    files = Files(refuses="put")
    revenue = Revenue(files)
    with pytest.raises(AwsError):
        asyncio.run(loader(files, revenue).take(SHARD, 7, records(b"poison", paid(1))))
    assert revenue.loads == []


def test_a_file_that_cannot_be_deleted_is_no_failure() -> None:
    files = Files(refuses="delete")
    assert asyncio.run(loader(files, Revenue(files)).take(SHARD, 7, records(paid(1)))).rows == 1


def test_a_load_that_failed_is_done_again_under_the_same_name() -> None:
    files = Files()
    revenue = Revenue(files, is_away=True)
    batches = loader(files, revenue)
    with pytest.raises(WarehouseAway):
        asyncio.run(batches.take(SHARD, 7, records(paid(1))))
    left = list(files.held)
    revenue.is_away = False
    assert asyncio.run(batches.take(SHARD, 7, records(paid(1)))).rows == 1
    assert [load.url for load in revenue.loads] == [f"s3://bucket/{key}" for key in left]
