"""What AWS does in part: what was taken is over, what was not is handed on again, and nobody is told twice of it."""

import asyncio
from collections.abc import Sequence

import pytest

from services.chassis.aws.json_apis import Json
from services.order.outbox.channels import OrderStream, PaymentQueue
from services.order.outbox.table import OutboxTable, Row
from services.order.outbox.tests.relay_bench import Bench
from services.order.tests.fakes import World
from services.order.tests.samples import row

ROWS = [row(number, f"customer-{number:04d}") for number in range(3)]
FIRST, SECOND, THIRD = (each.order_id for each in ROWS)


class Answering:
    """An AWS API that always gives the same answer."""

    def __init__(self, answer: Json) -> None:
        self._answer = answer

    async def call(self, operation: str, parameters: Json) -> Json:
        return self._answer


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        ({"Successful": [{"Id": "0"}, {"Id": "2"}], "Failed": [{"Id": "1", "Code": "InternalError"}]}, {FIRST, THIRD}),
        ({"Successful": [{"Id": "2"}, {"Id": "1"}, {"Id": "0"}]}, {FIRST, SECOND, THIRD}),
        ({"Failed": [{"Id": "0"}, {"Id": "1"}, {"Id": "2"}]}, set()),
    ],
    ids=["two of three", "all, in any order", "none"],
)
def test_a_message_counts_as_sent_when_the_queue_says_so(answer: Json, taken: set[str]) -> None:
    assert asyncio.run(PaymentQueue(Answering(answer), "url").send(ROWS)) == taken


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (
            {"Records": [{"SequenceNumber": "1"}, {"ErrorCode": "InternalFailure"}, {"SequenceNumber": "2"}]},
            {FIRST, THIRD},
        ),
        ({}, set()),
    ],
    ids=["two of three", "an answer that says nothing"],
)
def test_a_record_counts_as_sent_when_the_stream_says_so(answer: Json, taken: set[str]) -> None:
    assert asyncio.run(OrderStream(Answering(answer), "stream").send(ROWS)) == taken


def request(each: Row) -> Json:
    return {"DeleteRequest": {"Key": {"shard": {"S": each.shard}, "sequence": {"S": each.order_id}}}}


@pytest.mark.parametrize(
    ("answer", "left"),
    [({"UnprocessedItems": {"outbox": [request(ROWS[1])]}}, {SECOND}), ({"UnprocessedItems": {}}, set()), ({}, set())],
    ids=["one is left", "none is left", "nothing is said"],
)
def test_a_row_is_gone_unless_dynamodb_gives_it_back(answer: Json, left: set[str]) -> None:
    assert asyncio.run(OutboxTable(Answering(answer), "outbox").delete(ROWS)) == left


@pytest.mark.parametrize("part", ["queue", "stream", "table"])
def test_what_was_taken_in_part_is_finished_at_the_next_step_and_nobody_is_told_twice(
    part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(ROWS)
    bench = Bench(world)
    for each in ROWS:
        bench.relay.offer(each)
    send, delete = bench.stream.send, bench.outbox.delete

    async def send_some(rows: Sequence[Row]) -> set[str]:
        return await send([each for each in rows if each.order_id != SECOND])

    async def delete_some(rows: Sequence[Row], *, aside: bool = False) -> set[str]:
        await delete([each for each in rows if each.order_id != SECOND], aside=aside)
        return {SECOND}

    async def run() -> None:
        with monkeypatch.context() as disturbed:
            disturbed.setattr(bench.queue, "refuses", {SECOND} if part == "queue" else set())
            disturbed.setattr(bench.stream, "send", send_some if part == "stream" else send)
            disturbed.setattr(bench.outbox, "delete", delete_some if part == "table" else delete)
            await bench.relay.step()
            await bench.settling.step()
        assert [each.order_id for each in world.table.values()] == [SECOND]
        assert (len(bench.taken), bench.relay.depth) == (3 if part == "table" else 2, 1)
        await bench.settle()

    asyncio.run(run())
    assert (world.table, bench.relay.depth, len(bench.lags)) == ({}, 0, 3)
    assert world.inventory.taken == {FIRST: 1, SECOND: 1, THIRD: 1}
    assert sorted(each.order_id for each in world.queue) == [FIRST, SECOND, THIRD]
    assert sorted(each.order_id for each in world.stream) == [FIRST, SECOND, THIRD]
