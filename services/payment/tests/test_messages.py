import pytest

from services.payment.messages import Batch, Message, read_batch
from services.payment.tests.cloud import Order, event


def batch(*groups: str) -> Batch:
    return Batch(
        Message(message_id=str(index), body="", group=group, deduplication_id=str(index))
        for index, group in enumerate(groups)
    )


def test_a_batch_is_read() -> None:
    [message] = read_batch(event([Order(1)])).messages
    assert (message.message_id, message.group, message.deduplication_id) == (
        "message-1",
        "customer-0001",
        Order(1).order_id,
    )


@pytest.mark.parametrize(
    ("failing", "failed"),
    [
        pytest.param((), (), id="nothing"),
        pytest.param((0,), ("0", "2", "4"), id="the first of a group takes the rest along"),
        pytest.param((2,), ("2", "4"), id="those before it are done"),
        pytest.param((3,), ("3",), id="another group is not concerned"),
        pytest.param((4, 2), ("4", "2"), id="each is named once"),
    ],
)
def test_what_fails_takes_the_rest_of_its_group_along(failing: tuple[int, ...], failed: tuple[str, ...]) -> None:
    messages = batch("a", "b", "a", "c", "a")
    for index in failing:
        messages.fail(messages.messages[index])
    assert messages.failed == failed
    assert messages.answer() == {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}
    assert [messages.is_open(one) for one in messages.messages] == [str(i) not in failed for i in range(5)]


def test_without_groups_each_fails_alone() -> None:
    messages = batch("", "", "")
    messages.fail(messages.messages[0])
    assert messages.failed == ("0",)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"Records": {}}, id="no list"),
        pytest.param({"Records": [{"eventSource": "aws:kinesis"}]}, id="another source"),
        pytest.param({"Records": [{"eventSource": "aws:sqs", "attributes": {}}]}, id="no message id"),
    ],
)
def test_an_event_of_another_kind_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"SQS|has no"):
        read_batch(given)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param('{"correlation_id": "corr-1"}', "corr-1", id="told"),
        pytest.param('{"correlation_id": 7}', None, id="no text"),
        pytest.param("[]", None, id="no object"),
        pytest.param("nonsense", None, id="not JSON"),
    ],
)
def test_a_message_is_found_in_the_log_by_its_correlation_id(body: str, found: str | None) -> None:
    message = Message(message_id="1", body=body, group="", deduplication_id="1")
    assert message.correlation_id == found
