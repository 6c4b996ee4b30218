"""Streams and consumers that are not there are refused; the consumer that is taken away is the one that was named."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run

ARN = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream"


@pytest.mark.parametrize(
    ("action", "members", "code"),
    [
        ("ListStreamConsumers", {"StreamARN": f"{ARN}/absent"}, "ResourceNotFoundException"),
        ("RegisterStreamConsumer", {"StreamARN": f"{ARN}/absent", "ConsumerName": "c"}, "ResourceNotFoundException"),
        ("RegisterStreamConsumer", {"StreamARN": f"{ARN}/orders", "ConsumerName": "one"}, "ResourceInUseException"),
        ("DeregisterStreamConsumer", {"StreamARN": f"{ARN}/orders", "ConsumerName": "c"}, "ResourceNotFoundException"),
        ("CreateStream", {"StreamName": "new"}, "InvalidArgumentException"),
        ("GetRecords", {"ShardIterator": "nope"}, "InvalidArgumentException"),
        ("PutRecord", {"StreamName": "events", "Data": "eA=="}, "InvalidArgumentException"),
        ("PutRecords", {"StreamName": "events", "Records": [{"Data": "eA=="}]}, "InvalidArgumentException"),
    ],
)
def test_what_is_not_there_is_refused(action: str, members: dict[str, Any], code: str) -> None:
    async def refusal() -> dict[str, Any]:
        return await (await _stream()).refusal("kinesis", action, **members)

    refused = run(refusal())
    assert (refused["__type"], refused["status"]) == (code, 400)


@pytest.mark.parametrize("by", ["name", "arn"])
def test_the_consumer_that_is_named_goes(by: str) -> None:
    async def left() -> list[str]:
        control = await _stream()
        consumers = (await control.ask("kinesis", "ListStreamConsumers", StreamARN=f"{ARN}/orders"))["Consumers"]
        named = {"StreamARN": f"{ARN}/orders", "ConsumerName": "one"}
        arn = {"ConsumerARN": next(each["ConsumerARN"] for each in consumers if each["ConsumerName"] == "one")}
        await control.ask("kinesis", "DeregisterStreamConsumer", **(named if by == "name" else arn))
        found = await control.ask("kinesis", "ListStreamConsumers", StreamARN=f"{ARN}/orders")
        return [each["ConsumerName"] for each in found["Consumers"]]

    assert run(left()) == ["two"]


async def _stream() -> Control:
    control = Control()
    await control.ask("kinesis", "CreateStream", StreamName="orders", ShardCount=1)
    for name in ("one", "two"):
        await control.ask("kinesis", "RegisterStreamConsumer", StreamARN=f"{ARN}/orders", ConsumerName=name)
    return control
