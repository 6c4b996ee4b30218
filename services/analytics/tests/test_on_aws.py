"""Leases, records and objects against moto over HTTP: the documents, the conditions, the signatures."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.server import ThreadedMotoServer

from services.analytics.lease_table import LeaseLost, LeaseTable
from services.analytics.leases import SHARD_END, TRIM_HORIZON, Lease
from services.analytics.stream import OrderStream
from services.chassis.aws.client import AwsApi, Identity
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import DYNAMODB, KINESIS, JsonApi, Wire
from services.chassis.aws.objects import S3, Objects, RestWire
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilient
from services.chassis.web.health import Dependencies

T = TypeVar("T")
REGION, TABLE, STREAM, BUCKET = "us-east-1", "leases-test", "order-events-test", "revenue-test"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


class Cloud:
    """moto with a lease table, a stream of one shard and a bucket."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._apis: list[AwsApi] = []

    def client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self._url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def api(self, service: JsonApi, wire: type[Wire] = Wire) -> AwsApi:
        made = AwsApi(
            service,
            region=REGION,
            identity=Identity(),
            resilience=Resilient(budget=RetryBudget(), on_retry=lambda: None),
            dependencies=Dependencies("dynamodb", "kinesis", "s3"),
            wire=wire,
        )
        self._apis.append(made)
        return made

    def leases(self, me: str, at: float = 1.0) -> LeaseTable:
        return LeaseTable(self.api(DYNAMODB), TABLE, me, clock=lambda: at)

    def run(self, work: Callable[["Cloud"], Awaitable[T]]) -> T:
        async def wrapped() -> T:
            try:
                return await work(self)
            finally:
                while self._apis:
                    self._apis.pop().close()
                await asyncio.sleep(0)  # let the transports close

        return asyncio.run(wrapped())


@pytest.fixture
def cloud(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    for name, value in (("AWS_ENDPOINT_URL", moto_url), ("AWS_ACCESS_KEY_ID", "t"), ("AWS_SECRET_ACCESS_KEY", "t")):
        monkeypatch.setenv(name, value)
    made = Cloud(moto_url)
    made.client("dynamodb").create_table(
        TableName=TABLE,
        AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    made.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    made.client("s3").create_bucket(Bucket=BUCKET)
    yield made
    made.client("dynamodb").delete_table(TableName=TABLE)
    made.client("kinesis").delete_stream(StreamName=STREAM)


def test_a_lease_goes_its_way(cloud: Cloud) -> None:
    async def work(cloud: Cloud) -> None:
        mine, yours = cloud.leases("me"), cloud.leases("you")
        await mine.create(Lease(shard="a", parents=frozenset({"p", "q"})))
        await yours.create(Lease(shard="a"))
        seen = (await yours.read())["a"]
        assert seen == Lease(shard="a", parents=frozenset({"p", "q"}))

        taken = await mine.take(seen)
        assert taken is not None
        assert (taken.owner, taken.counter, taken.epoch) == ("me", 1, 1000)
        assert await yours.take(seen) is None, "somebody was faster"

        renewed = await mine.renew(taken)
        await mine.checkpoint(renewed, "4711")
        assert (await mine.read())["a"] == Lease(
            shard="a", parents=seen.parents, owner="me", counter=2, epoch=1000, checkpoint="4711"
        )

    cloud.run(work)


def test_an_epoch_grows_whatever_the_clock_says(cloud: Cloud) -> None:
    async def work(cloud: Cloud) -> None:
        await cloud.leases("me").create(Lease(shard="a"))
        first = await cloud.leases("me", at=9.0).take((await cloud.leases("me").read())["a"])
        assert first is not None
        second = await cloud.leases("you", at=1.0).take((await cloud.leases("you").read())["a"])
        assert second is not None
        assert (first.epoch, second.epoch) == (9000, 9001)

    cloud.run(work)


def test_a_lost_lease_is_told_whatever_is_tried_with_it(cloud: Cloud) -> None:
    async def work(cloud: Cloud) -> None:
        mine, yours = cloud.leases("me"), cloud.leases("you")
        await mine.create(Lease(shard="a"))
        lost = await mine.take((await mine.read())["a"])
        assert lost is not None
        assert await yours.take((await yours.read())["a"]) is not None
        for attempt in (mine.renew(lost), mine.checkpoint(lost, "1")):
            with pytest.raises(LeaseLost, match=r"^a$"):
                await attempt
        await mine.release(lost)
        assert (await mine.read())["a"].owner == "you"
        again = await mine.take((await mine.read())["a"])
        assert again is not None
        with pytest.raises(LeaseLost):
            await mine.checkpoint(lost, "1")  # mine, but not by that taking

    cloud.run(work)


def test_a_released_lease_is_free_and_one_that_changed_is_not_deleted(cloud: Cloud) -> None:
    async def work(cloud: Cloud) -> None:
        mine = cloud.leases("me")
        await mine.create(Lease(shard="a"))
        taken = await mine.take((await mine.read())["a"])
        assert taken is not None
        await mine.release(taken)
        await mine.delete(taken)
        [left] = (await mine.read()).values()
        assert (left.owner, left.checkpoint) == (None, TRIM_HORIZON)
        await mine.delete(left)
        assert await mine.read() == {}

    cloud.run(work)


def test_records_come_in_their_order_from_any_place_on(cloud: Cloud) -> None:
    client = cloud.client("kinesis")
    for number in range(3):
        client.put_record(StreamName=STREAM, Data=b"%d" % number, PartitionKey="k")

    async def work(cloud: Cloud) -> None:
        stream = OrderStream(cloud.api(KINESIS), STREAM)
        [(shard, parents)] = (await stream.shards()).items()
        assert parents == frozenset()
        assert await stream.iterator(shard, SHARD_END) is None
        first = await stream.iterator(shard, TRIM_HORIZON)
        assert first is not None
        reading = await stream.read(first)
        assert [record.data for record in reading.records] == [b"0", b"1", b"2"]
        assert reading.next is not None
        assert (await stream.read(reading.next)).records == ()
        later = await stream.iterator(shard, reading.records[0].sequence)
        assert later is not None
        assert [record.data for record in (await stream.read(later)).records] == [b"1", b"2"]

    cloud.run(work)


def test_the_children_of_a_split_shard_name_their_parent(cloud: Cloud) -> None:
    client = cloud.client("kinesis")
    parent = client.list_shards(StreamName=STREAM)["Shards"][0]["ShardId"]
    client.split_shard(StreamName=STREAM, ShardToSplit=parent, NewStartingHashKey=str(2**127))

    async def work(cloud: Cloud) -> None:
        shards = await OrderStream(cloud.api(KINESIS), STREAM).shards()
        assert sorted(map(sorted, shards.values())) == [[], [parent], [parent]]

    cloud.run(work)


def test_objects_are_written_and_deleted(cloud: Cloud) -> None:
    async def work(cloud: Cloud) -> None:
        objects = Objects(cloud.api(S3, RestWire), BUCKET)
        await objects.put("revenue/a-1.csv", b"1,2\n")
        assert cloud.client("s3").get_object(Bucket=BUCKET, Key="revenue/a-1.csv")["Body"].read() == b"1,2\n"
        await objects.delete("revenue/a-1.csv")
        await objects.delete("revenue/a-1.csv")
        with pytest.raises(ClientError, match="NoSuchKey"):
            cloud.client("s3").get_object(Bucket=BUCKET, Key="revenue/a-1.csv")
        with pytest.raises(ValueError, match="no plain key"):
            await objects.put("a b", b"")

    cloud.run(work)


def test_a_refusal_of_s3_has_its_code(cloud: Cloud) -> None:
    async def work(cloud: Cloud) -> None:
        with pytest.raises(AwsError, match="NoSuchBucket: The specified bucket does not exist") as refusal:
            await Objects(cloud.api(S3, RestWire), "nobodys-bucket").put("a", b"")
        assert (refusal.value.code, refusal.value.status) == ("NoSuchBucket", 404)

    cloud.run(work)
