"""What failed comes again soon, and later each time; nobody gives it up before its time."""

from typing import Any

import pytest

from services.chassis.aws.errors import AwsError
from services.payment.messages import Batch, Message
from services.payment.pauses import Pauses, pause_s


@pytest.mark.parametrize(("longest_s"), [60, 300])
@pytest.mark.parametrize("receives", [1, 2, 3, 5, 9, 10, 1000])
def test_the_pause_doubles_up_to_its_limit_and_half_of_it_is_chance(receives: int, longest_s: int) -> None:
    ceiling = min(2 ** (receives - 1), longest_s)
    drawn = {pause_s(receives, longest_s) for _ in range(200)}
    assert min(drawn) >= max(ceiling / 2 - 0.5, 1)
    assert max(drawn) <= ceiling
    assert len(drawn) > 1 or ceiling <= 2


class Queue:
    """SQS, which may refuse."""

    def __init__(self, refusal: AwsError | None = None) -> None:
        self.asked: list[tuple[str, Any]] = []
        self._refusal = refusal

    def call(self, operation: str, parameters: Any) -> Any:
        self.asked.append((operation, parameters))
        if self._refusal:
            raise self._refusal
        return {}


def message(number: int, *, group: str = "", receives: int = 1) -> Message:
    return Message(
        message_id=f"m{number}",
        body="{}",
        group=group,
        deduplication_id=str(number),
        receipt=f"r{number}",
        receives=receives,
    )


def test_all_that_failed_comes_again_at_one_time_and_what_is_done_does_not() -> None:
    """A customer's messages stay in their order: they come back together."""
    queue = Queue()
    batch = Batch([message(1), message(2, group="c", receives=3), message(3, group="c")])
    batch.fail(batch.messages[1])
    Pauses(queue, "http://q/payments.fifo", longest_s=60).spread(batch)
    [(operation, given)] = queue.asked
    assert (operation, given["QueueUrl"]) == ("ChangeMessageVisibilityBatch", "http://q/payments.fifo")
    assert [entry["ReceiptHandle"] for entry in given["Entries"]] == ["r2", "r3"]
    [pause] = {entry["VisibilityTimeout"] for entry in given["Entries"]}
    assert 2 <= pause <= 4


def test_nothing_is_asked_where_nothing_failed() -> None:
    queue = Queue()
    Pauses(queue, "q", longest_s=60).spread(Batch([message(1)]))
    assert queue.asked == []


def test_a_queue_that_does_not_take_it_keeps_its_own_time(caplog: pytest.LogCaptureFixture) -> None:
    batch = Batch([message(1)])
    batch.fail(batch.messages[0])
    refusal = AwsError(operation="ChangeMessageVisibilityBatch", code="Throttled", message="later", status=400)
    Pauses(Queue(refusal), "q", longest_s=60).spread(batch)
    assert "messages come again after the queue's own time" in caplog.text
