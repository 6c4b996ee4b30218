"""What a mapping may be set to, the event's shape, what an answer means, and the back-off."""

import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from infrastructure.embedded.apis.lambda_.calls import InvokeTarget
from infrastructure.embedded.apis.lambda_.event_source import events
from infrastructure.embedded.apis.lambda_.event_source import settings as settings_of
from infrastructure.embedded.apis.lambda_.event_source.events import Delivery
from infrastructure.embedded.apis.lambda_.event_source.scaling import Scaling
from infrastructure.embedded.apis.lambda_.event_source.settings import QueueSource
from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.gateway.refused import Refused

FIFO = QueueSource(arn="arn:aws:sqs:us-east-1:123456789012:orders.fifo", is_fifo=True, visibility_s=60.0)
STANDARD = QueueSource(arn="arn:aws:sqs:us-east-1:123456789012:orders", is_fifo=False, visibility_s=60.0)
TARGET = InvokeTarget(
    name="payment", arn="arn:aws:lambda:us-east-1:123456789012:function:payment", version="1", timeout_s=10.0
)
BATCH = tuple(Delivery(message_id=each, receipt=each, record=b"{}") for each in ("a", "b", "c"))


def test_the_defaults_are_awss() -> None:
    settings = settings_of.created({}, FIFO, TARGET)
    assert settings.members() == {
        "EventSourceArn": FIFO.arn,
        "FunctionArn": TARGET.arn,
        "BatchSize": 10,
        "MaximumBatchingWindowInSeconds": 0,
        "FunctionResponseTypes": [],
    }
    assert settings.is_enabled


@pytest.mark.parametrize(
    ("source", "parameters", "message"),
    [
        (FIFO, {"BatchSize": 11}, "Value 11 at 'batchSize' must be between 1 and 10"),
        (FIFO, {"BatchSize": 0}, "between 1 and 10"),
        (STANDARD, {"BatchSize": 10_001, "MaximumBatchingWindowInSeconds": 1}, "between 1 and 10000"),
        (STANDARD, {"BatchSize": 11}, "window in seconds must be greater than 0"),
        (STANDARD, {"MaximumBatchingWindowInSeconds": 301}, "between 0 and 300"),
        (FIFO, {"MaximumBatchingWindowInSeconds": 1}, "not supported for FIFO"),
        (FIFO, {"ScalingConfig": {"MaximumConcurrency": 1}}, "between 2 and 1000"),
        (FIFO, {"FunctionResponseTypes": ["Nonsense"]}, "Nonsense is not known; allowed: ReportBatchItemFailures"),
        (FIFO, {"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria"),
        (FIFO, {"StartingPosition": "LATEST", "ParallelizationFactor": 2}, "ParallelizationFactor, StartingPosition"),
        (
            replace(FIFO, visibility_s=9.0),
            {},
            "visibility timeout: 9 seconds is less than Function timeout: 10 seconds",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_settings_that_cannot_be_are_refused(source: QueueSource, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message) as refusal:
        settings_of.created(parameters, source, TARGET)
    assert refusal.value.code == "InvalidParameterValueException"


@pytest.mark.parametrize("parameters", [{"FilterCriteria": {"Filters": []}}, {"KMSKeyArn": None}], ids=str)
def test_what_asks_for_nothing_is_no_reason_to_refuse(parameters: dict[str, Any]) -> None:
    assert settings_of.created(parameters, FIFO, TARGET) == settings_of.created({}, FIFO, TARGET)


def test_an_update_changes_what_it_names_and_nothing_else() -> None:
    before = settings_of.created({"BatchSize": 5, "ScalingConfig": {"MaximumConcurrency": 4}}, FIFO, TARGET)
    after = settings_of.updated(before, {"UUID": "u", "Enabled": False}, FIFO, TARGET)
    assert after == replace(before, is_enabled=False)
    assert settings_of.updated(after, {"ScalingConfig": {}}, FIFO, TARGET).maximum_concurrency is None


@pytest.mark.parametrize(
    ("arn", "message"),
    [
        ("orders", "must be the ARN of a queue"),
        ("arn:aws:kinesis:us-east-1:123456789012:stream/orders", "is of kinesis; the embedded cloud maps SQS queues"),
        ("arn:aws:sqs:eu-west-1:123456789012:orders", "must be in the function's region"),
        ("arn:aws:sqs:us-east-1:210987654321:orders", "must be in the function's region and account"),
    ],
    ids=["no-arn", "kinesis", "region", "account"],
)
def test_a_source_that_is_no_queue_of_this_cloud_is_refused(arn: str, message: str) -> None:
    with pytest.raises(Refused, match=message):
        settings_of.source_of(arn, region="us-east-1", account="123456789012")


def _message(**more: Any) -> SimpleNamespace:
    known = {
        "id": "059f36b4",
        "receipt_handle": "AQEB",
        "body": "Test",
        "body_md5": "e4e6",
        "approximate_receive_count": 1,
        "sent_timestamp": 1545082649183,
        "sequence_number": None,
        "group_id": None,
        "dead_letter_source": None,
        "sender_id": "AIDA",
        "deduplication_id": None,
        "approximate_first_receive_timestamp": 1545082649185,
        "message_attributes": {},
        "attribute_md5": "5f",
        "system_attributes": {},
    }
    return SimpleNamespace(**known | more)


def test_a_record_of_a_standard_queue_has_the_shape_of_awss_example() -> None:
    delivery = events.delivery_of(_message(), source_arn=STANDARD.arn)
    assert json.loads(events.event([delivery])) == {
        "Records": [
            {
                "messageId": "059f36b4",
                "receiptHandle": "AQEB",
                "body": "Test",
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1545082649183",
                    "SenderId": "AIDA",
                    "ApproximateFirstReceiveTimestamp": "1545082649185",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e6",
                "eventSource": "aws:sqs",
                "eventSourceARN": STANDARD.arn,
                "awsRegion": "us-east-1",
            }
        ]
    }


def test_a_record_of_a_fifo_queue_names_group_sequence_and_deduplication_id() -> None:
    message = _message(
        group_id="c1", sequence_number="00018850", deduplication_id="o1", dead_letter_source=STANDARD.arn
    )
    record = json.loads(events.delivery_of(message, source_arn=FIFO.arn).record)
    added = {"MessageGroupId": "c1", "SequenceNumber": "00018850", "MessageDeduplicationId": "o1"}
    added["DeadLetterQueueSourceArn"] = STANDARD.arn
    assert record["attributes"] == record["attributes"] | added


def test_message_attributes_are_spelled_as_in_the_event() -> None:
    attributes = {
        "reason": {"DataType": "String", "StringValue": "malformed"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
    message = _message(message_attributes=attributes, system_attributes=trace)
    record = json.loads(events.delivery_of(message, source_arn=FIFO.arn).record)
    lists: dict[str, Any] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "reason": {"stringValue": "malformed", "dataType": "String", **lists},
        "raw": {"binaryValue": "AP8=", "dataType": "Binary", **lists},
    }
    assert (record["md5OfMessageAttributes"], record["attributes"]["AWSTraceHeader"]) == ("5f", "Root=1")


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (b"", ""),
        (b"null", ""),
        (b"{}", ""),
        (b'{"batchItemFailures": null}', ""),
        (b'{"batchItemFailures": []}', ""),
        (b'{"batchItemFailures": [{"itemIdentifier": "b"}, {"itemIdentifier": "c"}]}', "bc"),
        (b'{"batchItemFailures": [{"itemIdentifier": ""}]}', "abc"),
        (b'{"batchItemFailures": [{"itemIdentifier": null}]}', "abc"),
        (b'{"batchItemFailures": [{"id": "b"}]}', "abc"),
        (b'{"batchItemFailures": [{"itemIdentifier": "unknown"}]}', "abc"),
        (b'{"batchItemFailures": ["b"]}', "abc"),
        (b'{"batchItemFailures": {"itemIdentifier": "b"}}', "abc"),
        (b'"fine"', "abc"),
        (b"{not json", "abc"),
    ],
    ids=lambda value: value.decode() if isinstance(value, bytes) else "",
)
def test_a_partial_batch_response_says_what_stays(answer: bytes, stays: str) -> None:
    invocation = Invocation(status="ok", request_id="r", payload=answer)
    assert events.failed(invocation, BATCH, reports_failures=True) == frozenset(stays)
    assert events.failed(invocation, BATCH, reports_failures=False) == frozenset()


@pytest.mark.parametrize("reports", [True, False], ids=["reporting", "whole"])
def test_all_stays_after_a_function_error(reports: bool) -> None:
    invocation = Invocation(status="function_error", request_id="r", payload=b'{"batchItemFailures": []}')
    assert events.failed(invocation, BATCH, reports_failures=reports) == frozenset("abc")


@pytest.mark.parametrize(
    ("sizes", "count"), [([], 0), ([7 << 20], 1), ([3 << 20, 2 << 20, 2 << 20], 2), ([1 << 20] * 5, 5)], ids=str
)
def test_a_batch_ends_before_its_event_gets_too_large(sizes: list[int], count: int) -> None:
    batch = [Delivery(message_id=str(size), receipt="", record=b"x" * size) for size in sizes]
    assert events.fitting(batch) == count


def test_throttling_doubles_the_pause_up_to_the_longest_and_a_success_forgets_it() -> None:
    scaling = Scaling(first_s=1.0, longest_s=5.0)
    pauses = []
    now = 100.0
    for _ in range(5):
        scaling.throttled(now)
        scaling.throttled(now)  # another poller's, at the same time
        pauses.append(scaling.retry_at - now)
        now = scaling.retry_at
    assert pauses == [1.0, 2.0, 4.0, 5.0, 5.0]
    assert not scaling.may_start(starting=0, free=0, now=now - 0.1)
    assert scaling.may_start(starting=1, free=1, now=now), "each poller tries, whatever the others do"
    assert not scaling.may_start(starting=1, free=1, now=now - 0.1)
    assert scaling.may_start(starting=1, free=2, now=now - 0.1)
    scaling.succeeded()
    scaling.throttled(200.0)
    assert scaling.retry_at == 201.0


def test_function_errors_halve_the_batches_at_once_and_successes_bring_them_back() -> None:
    scaling = Scaling(first_s=1.0, longest_s=5.0)
    for _ in range(20):
        scaling.succeeded()
    assert scaling.allowed == 5 + 20
    for _ in range(10):
        scaling.failed()
    assert scaling.allowed == 2
    scaling.limit(2)
    scaling.succeeded()
    assert scaling.allowed == 2
    scaling.limit(None)
    for _ in range(2000):
        scaling.succeeded()
    assert scaling.allowed == 1250, "as many as AWS's pollers at most"


def test_pollers_come_while_messages_wait_unless_the_function_fails() -> None:
    scaling = Scaling(first_s=1.0, longest_s=5.0, ceiling=9)
    allowed = []
    for now, is_behind in ((100.0, True), (100.5, True), (100.6, False), (200.0, True)):
        looks_again = scaling.grow(now, is_behind=is_behind)
        assert looks_again == (pytest.approx(now + 0.2, abs=0.1) if is_behind else None)
        allowed.append(scaling.allowed)
    assert allowed == [5, 7, 7, 7]
    scaling.failed()
    assert scaling.grow(300.0, is_behind=True) is None
    scaling.succeeded()
    scaling.grow(300.0, is_behind=True)
    scaling.grow(400.0, is_behind=True)
    assert scaling.allowed == 9
