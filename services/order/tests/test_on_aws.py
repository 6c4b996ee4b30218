"""What is stored and sent, against moto over HTTP: the client, the signatures, the documents, the conditions."""

import asyncio
import json
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

import boto3
import pytest
from moto.server import ThreadedMotoServer

from services.chassis.aws.client import AwsApi, Identity
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import DYNAMODB, KINESIS, SECRETS, SQS, Json, JsonApi
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Resilience, Resilient
from services.chassis.tests.conflicts import conflicts
from services.chassis.web.health import Dependencies
from services.order.domain import Draft, Order, OrderLine
from services.order.outbox.channels import OrderStream, PaymentQueue
from services.order.outbox.ownership import Ownership
from services.order.outbox.table import ASIDE, BATCH_WRITE, SHARDS, OutboxTable, Row
from services.order.store import KeyConflict, OrderTable, Placed

T = TypeVar("T")
REGION = "us-east-1"
ORDERS, OUTBOX, STREAM, SECRET = "orders-test", "outbox-test", "order-events-test", "operator-test"


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@dataclass
class Cloud:
    """moto with our tables, queue and stream, fresh for each test; `run` gives a coroutine a client of each API."""

    url: str
    queue_url: str = ""
    apis: list[AwsApi] = field(default_factory=list)

    def client(self, service: Literal["dynamodb", "sqs", "kinesis", "secretsmanager"]) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def api(self, service: JsonApi) -> AwsApi:
        resilience: Resilience = Resilient(budget=RetryBudget(), on_retry=lambda: None)
        dependencies = Dependencies("dynamodb", "sqs", "kinesis", "secretsmanager")
        api = AwsApi(service, region=REGION, identity=Identity(), resilience=resilience, dependencies=dependencies)
        self.apis.append(api)
        return api

    def run(self, work: Callable[["Cloud"], Awaitable[T]]) -> T:
        async def wrapped() -> T:
            try:
                return await work(self)
            finally:
                while self.apis:
                    self.apis.pop().close()
                await asyncio.sleep(0)  # let the transports close

        return asyncio.run(wrapped())

    def orders(self) -> OrderTable:
        return OrderTable(self.api(DYNAMODB), orders=ORDERS, outbox=OUTBOX)

    def rows(self, table: str) -> list[dict[str, Any]]:
        return list(self.client("dynamodb").scan(TableName=table)["Items"])


@pytest.fixture
def cloud(moto_url: str, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    for service in (DYNAMODB, SQS, KINESIS, SECRETS):
        monkeypatch.delenv(service.variable, raising=False)
    cloud = Cloud(moto_url)
    reset(moto_url)
    dynamodb = cloud.client("dynamodb")
    create_table(dynamodb, ORDERS, "order_id")
    create_table(dynamodb, OUTBOX, "shard", "sequence")
    cloud.queue_url = cloud.client("sqs").create_queue(QueueName="p.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    cloud.client("kinesis").create_stream(StreamName=STREAM, ShardCount=1)
    return cloud


def reset(url: str) -> None:
    urllib.request.urlopen(urllib.request.Request(f"{url}/moto-api/reset", method="POST"), timeout=10).close()  # noqa: S310 - loopback


def create_table(dynamodb: Any, name: str, *keys: str) -> None:
    dynamodb.create_table(
        TableName=name,
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)],
        BillingMode="PAY_PER_REQUEST",
    )


def order(number: int = 1, *, key: str | None = None) -> Order:
    return Order(
        order_id=f"01{number:024d}",
        draft=Draft(
            store_id="store-001",
            customer_id="customer-0001",
            lines=(OrderLine(item_id="latte-grande", quantity=2), OrderLine(item_id="croissant-piece", quantity=1)),
            total_cents=1215,
        ),
        status="accepted",
        placed_at=1_795_000_000.25,
        correlation_id="corr",
        idempotency_key=key,
    )


def test_order_and_outbox_row_are_written_together_and_read_back(cloud: Cloud) -> None:
    placed = cloud.run(lambda c: c.orders().place(order(key="k"), "f"))
    assert placed == Placed(order_id=order().order_id)
    assert cloud.run(lambda c: c.orders().find(order().order_id)) == order(key="k")
    [outbox] = cloud.rows(OUTBOX)
    assert Row.read(outbox) == Row.of(order())
    stored = next(row for row in cloud.rows(ORDERS) if row["order_id"]["S"] == order().order_id)
    assert (stored["total_amount"], stored["total_cents"]) == ({"S": "12.15"}, {"N": "1215"})


def test_an_order_that_does_not_exist_is_none(cloud: Cloud) -> None:
    assert cloud.run(lambda c: c.orders().find("01999")) is None


def test_a_transaction_sent_twice_places_one_order(cloud: Cloud) -> None:
    async def twice(c: Cloud) -> tuple[Placed, Placed]:
        orders = c.orders()
        return await orders.place(order(key="k"), "f"), await orders.place(order(key="k"), "f")

    first, second = cloud.run(twice)
    assert first == second == Placed(order_id=order().order_id)
    assert len(cloud.rows(OUTBOX)) == 1


def test_an_order_whose_transaction_meets_others_is_placed_once_all_the_same(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No AWS SDK repeats a cancelled transaction."""
    ahead = iter((True, True))
    with conflicts(cloud.url, lambda _items: next(ahead, False)) as dynamodb:
        monkeypatch.setenv(DYNAMODB.variable, dynamodb.url)
        placed = cloud.run(lambda c: c.orders().place(order(key="k"), "f"))
    assert placed == Placed(order_id=order().order_id)
    assert [asked["ClientRequestToken"] for asked in dynamodb.seen] == [order().order_id] * 3
    assert (len(cloud.rows(ORDERS)), len(cloud.rows(OUTBOX))) == (2, 1), "an order and its key"


def test_an_order_whose_transaction_never_gets_its_turn_is_refused_and_nothing_is_kept(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    with conflicts(cloud.url, lambda _items: True) as dynamodb:
        monkeypatch.setenv(DYNAMODB.variable, dynamodb.url)
        with pytest.raises(AwsError, match="TransactionCanceledException"):
            cloud.run(lambda c: c.orders().place(order(), "f"))
    assert (cloud.rows(ORDERS), cloud.rows(OUTBOX)) == ([], [])


def test_the_same_key_answers_with_the_first_order(cloud: Cloud) -> None:
    async def twice(c: Cloud) -> Placed:
        orders = c.orders()
        await orders.place(order(1, key="k"), "f")
        return await orders.place(order(2, key="k"), "f")

    assert cloud.run(twice) == Placed(order_id=order(1).order_id, is_replay=True)
    assert len(cloud.rows(OUTBOX)) == 1
    assert len(cloud.rows(ORDERS)) == 2, "one order and its key"


def test_the_same_key_for_another_order_is_a_conflict_and_writes_nothing(cloud: Cloud) -> None:
    async def twice(c: Cloud) -> None:
        orders = c.orders()
        await orders.place(order(1, key="k"), "f")
        with pytest.raises(KeyConflict):
            await orders.place(order(2, key="k"), "another")

    cloud.run(twice)
    assert len(cloud.rows(OUTBOX)) == 1


def test_a_table_that_is_not_there_is_an_error_of_ours(cloud: Cloud) -> None:
    async def place(c: Cloud) -> None:
        with pytest.raises(AwsError) as raised:
            await OrderTable(c.api(DYNAMODB), orders="nowhere", outbox=OUTBOX).place(order(), "f")
        assert not raised.value.is_throttle

    cloud.run(place)
    assert cloud.rows(OUTBOX) == []


def rows(count: int) -> list[Row]:
    return [replace(Row.of(order(number)), customer_id="customer-0001") for number in range(count)]


def test_the_outbox_is_read_oldest_first_and_page_by_page(cloud: Cloud) -> None:
    made = rows(5)
    for row in reversed(made):
        cloud.client("dynamodb").put_item(TableName=OUTBOX, Item=row.item())

    async def read(c: Cloud) -> None:
        outbox = OutboxTable(c.api(DYNAMODB), OUTBOX)
        page = await outbox.oldest(made[0].shard, 3)
        assert (page.rows, page.is_last) == (tuple(made[:3]), False)
        assert await outbox.delete(made[:3]) == set()
        assert await outbox.delete(made[:3]) == set(), "deleting what is gone succeeds"
        page = await outbox.oldest(made[0].shard, 3)
        assert (page.rows, page.is_last) == (tuple(made[3:]), True)

    cloud.run(read)


@pytest.mark.parametrize("shard", ["s0", "s1", "s2", "s3"])
def test_an_order_of_every_shard_is_placed_found_and_deleted(cloud: Cloud, shard: str) -> None:
    """DynamoDB takes no empty key; and each shard lies where it always lay."""
    customer = {"s0": "customer-0001", "s1": "customer-0005", "s2": "customer-0000", "s3": "customer-0004"}[shard]
    one = order()
    placed = replace(one, draft=replace(one.draft, customer_id=customer))

    async def there_and_back(c: Cloud) -> None:
        outbox = OutboxTable(c.api(DYNAMODB), OUTBOX)
        await c.orders().place(placed, "f")
        page = await outbox.oldest(shard, 10)
        assert page.rows == (Row.of(placed),)
        assert await outbox.delete(page.rows) == set()

    cloud.run(there_and_back)
    assert cloud.rows(OUTBOX) == []


def test_one_call_takes_as_much_as_aws_publishes(cloud: Cloud) -> None:
    """SendMessageBatch 10 messages, PutRecords 500 records, BatchWriteItem 25 requests."""
    assert (PaymentQueue.batch, OrderStream.batch, BATCH_WRITE) == (10, 500, 25)

    async def fill(c: Cloud) -> None:
        assert len(await PaymentQueue(c.api(SQS), c.queue_url).send(rows(10))) == 10
        assert len(await OrderStream(c.api(KINESIS), STREAM).send(rows(500))) == 500
        assert await OutboxTable(c.api(DYNAMODB), OUTBOX).delete(rows(25)) == set()

    cloud.run(fill)


def test_the_queue_takes_each_order_once_in_the_customers_group(cloud: Cloud) -> None:
    made = rows(3)

    async def send(c: Cloud) -> None:
        queue = PaymentQueue(c.api(SQS), c.queue_url)
        assert await queue.send(made) == {row.order_id for row in made}
        assert await queue.send(made) == {row.order_id for row in made}

    cloud.run(send)
    received = cloud.client("sqs").receive_message(
        QueueUrl=cloud.queue_url, MaxNumberOfMessages=10, AttributeNames=["All"]
    )["Messages"]
    assert [json.loads(message["Body"]) for message in received] == [
        {
            "order_id": row.order_id,
            "customer_id": "customer-0001",
            "store_id": "store-001",
            "total_amount": "12.15",
            "correlation_id": "corr",
        }
        for row in made
    ]
    assert {message["Attributes"]["MessageGroupId"] for message in received} == {"customer-0001"}
    assert [message["Attributes"]["MessageDeduplicationId"] for message in received] == [row.order_id for row in made]


def test_the_stream_gets_an_event_per_order(cloud: Cloud) -> None:
    made = rows(2)
    assert cloud.run(lambda c: OrderStream(c.api(KINESIS), STREAM).send(made)) == {row.order_id for row in made}
    kinesis = cloud.client("kinesis")
    [shard] = kinesis.list_shards(StreamName=STREAM)["Shards"]
    iterator = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert [record["PartitionKey"] for record in records] == [row.order_id for row in made]
    assert json.loads(records[0]["Data"]) == {
        "type": "order_accepted",
        "order_id": made[0].order_id,
        "customer_id": "customer-0001",
        "store_id": "store-001",
        "total_amount": "12.15",
        "at": 1_795_000_000.25,
        "correlation_id": "corr",
    }


def test_what_was_placed_under_a_key_is_known_by_it(cloud: Cloud) -> None:
    async def look(c: Cloud) -> None:
        orders = c.orders()
        assert await orders.earlier("k", "f") is None
        await orders.place(order(key="k"), "f")
        assert await orders.earlier("k", "f") == Placed(order_id=order().order_id, is_replay=True)
        with pytest.raises(KeyConflict):
            await orders.earlier("k", "another")

    cloud.run(look)


@pytest.mark.parametrize("stock", ["held", "owed"])
def test_an_order_says_whether_its_stock_was_held(cloud: Cloud, stock: Literal["held", "owed"]) -> None:
    async def there_and_back(c: Cloud) -> None:
        orders, placed = c.orders(), replace(order(), stock=stock)
        await orders.place(placed, "f")
        assert await orders.find(order().order_id) == placed

    cloud.run(there_and_back)


def test_rows_set_aside_are_in_nobodys_way_and_are_read_page_by_page(cloud: Cloud) -> None:
    made = rows(5)

    async def aside(c: Cloud) -> None:
        outbox = OutboxTable(c.api(DYNAMODB), OUTBOX)
        assert await outbox.set_aside(made) == await outbox.set_aside(made) == set()
        assert (await outbox.oldest(made[0].shard, 10)).rows == ()
        page = await outbox.oldest(ASIDE + made[0].shard, 3)
        assert (page.rows, page.is_last) == (tuple(made[:3]), False)
        page = await outbox.oldest(ASIDE + made[0].shard, 3, after=made[2].order_id)
        assert (page.rows, page.is_last) == (tuple(made[3:]), True)
        assert await outbox.delete(made) == set(), "of the others"
        assert await outbox.delete(made[1:], aside=True) == set()
        assert (await outbox.oldest(ASIDE + made[0].shard, 3)).rows == (made[0],)

    cloud.run(aside)


def test_one_call_puts_as_many_aside_as_it_deletes(cloud: Cloud) -> None:
    async def fill(c: Cloud) -> None:
        assert await OutboxTable(c.api(DYNAMODB), OUTBOX).set_aside(rows(BATCH_WRITE)) == set()

    cloud.run(fill)
    assert len(cloud.rows(OUTBOX)) == BATCH_WRITE


def test_leases_are_taken_and_given_back(cloud: Cloud) -> None:
    async def share(c: Cloud) -> None:
        first, second = (Ownership(c.api(DYNAMODB), OUTBOX, name) for name in ("first", "second"))
        for _ in range(4):
            await first.tick()
            await second.tick()
        assert first.shards | second.shards == frozenset(SHARDS)
        assert len(first.shards) == len(second.shards) == 2
        await first.leave()
        await second.tick()
        await second.tick()
        assert second.shards == frozenset(SHARDS)
        await second.leave()

    cloud.run(share)
    assert cloud.rows(OUTBOX) == []


def test_a_secret_is_read(cloud: Cloud) -> None:
    cloud.client("secretsmanager").create_secret(Name=SECRET, SecretString="token")

    async def read(c: Cloud) -> Json:
        return await c.api(SECRETS).call("GetSecretValue", {"SecretId": SECRET})

    assert cloud.run(read)["SecretString"] == "token"
