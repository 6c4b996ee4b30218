"""Event sources and asynchronous invokes through boto3, with sandboxes that really run."""

import asyncio
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from infrastructure.embedded.engines.functions.spec import PYTHON
from infrastructure.embedded.tests.control import ACCOUNT, REGION
from infrastructure.embedded.tests.function_world import ROLE, LambdaWorld, lambda_world, zipped
from infrastructure.embedded.tests.processes import eventually

FUNCTION = "payment"
HANDLER = """
import json, os

def handle(event, context):
    if "Records" not in event:
        raise ValueError("no records")
    with open(os.environ["JOURNAL"], "a") as journal:
        for record in event["Records"]:
            journal.write(json.dumps([record["attributes"]["MessageGroupId"], record["body"]]) + "\\n")
    return {"batchItemFailures": []}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloud:
    """A function that notes what it gets, and the loop that serves this test's boto3 calls."""

    runner: asyncio.Runner
    world: LambdaWorld
    journal: Path
    aws: Any

    def do(self, action: str, **parameters: Any) -> Any:
        """A boto3 call of Lambda, by its snake-case name; it blocks, so it runs in a thread."""
        call = asyncio.to_thread(getattr(self.aws, action), **parameters)
        return self.runner.run(asyncio.wait_for(call, 30.0))

    def settle(self, look: Callable[[], Any]) -> Any:
        return self.runner.run(eventually(look))

    def queue(self, name: str) -> str:
        """A new queue's ARN."""
        fifo = {"FifoQueue": "true"} if name.endswith(".fifo") else {}
        self.world.backends.sqs.create_queue(name, {}, VisibilityTimeout="60", **fifo)
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"

    def send(self, queue: str, *, groups: int, each: int) -> None:
        for number in range(each):
            for group in range(groups):
                self.world.backends.sqs.send_message(
                    queue, f"{number:03}", deduplication_id=f"{group}-{number}", group_id=f"{queue}-{group}"
                )

    def box(self, queue: str) -> Any:
        return self.world.backends.sqs.queues[queue].box

    def noted(self, queue: str) -> dict[str, list[str]]:
        """What the function was given from `queue`, by group, in that order."""
        noted: dict[str, list[str]] = defaultdict(list)
        for line in self.journal.read_text().splitlines():
            group, body = json.loads(line)
            if group.startswith(queue):
                noted[group].append(body)
        return noted


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    # Sandboxes of several users write into one file: in a folder, and of a mode, that is open to all.
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory(prefix="cafe-") as folder:
        Path(folder).chmod(0o711)
        journal = Path(folder, "noted")
        journal.touch()
        journal.chmod(0o666)
        opening = lambda_world(tmp_path_factory.mktemp("lambda"))
        world = runner.run(opening.__aenter__())
        try:
            cloud = Cloud(runner=runner, world=world, journal=journal, aws=world.client("lambda"))
            cloud.do(
                "create_function",
                FunctionName=FUNCTION,
                Runtime=PYTHON,
                Role=ROLE,
                Handler="app.handle",
                Timeout=5,
                Code={"ZipFile": zipped({"app.py": HANDLER})},
                Environment={"Variables": {"JOURNAL": str(journal)}},
            )
            yield cloud
        finally:
            runner.run(opening.__aexit__(None, None, None))


def test_messages_reach_sandboxes_in_the_order_of_their_groups(cloud: Cloud) -> None:
    cloud.do(
        "create_event_source_mapping",
        EventSourceArn=cloud.queue("ordered.fifo"),
        FunctionName=FUNCTION,
        ScalingConfig={"MaximumConcurrency": 2},
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    cloud.send("ordered.fifo", groups=10, each=20)
    cloud.settle(lambda: not len(cloud.box("ordered.fifo")))
    assert list(cloud.noted("ordered.fifo").values()) == [[f"{number:03}" for number in range(20)]] * 10


def test_without_concurrency_messages_wait_and_drain_once_it_is_back(cloud: Cloud) -> None:
    cloud.do("put_function_concurrency", FunctionName=FUNCTION, ReservedConcurrentExecutions=0)
    arn = cloud.queue("waiting.fifo")
    made = cloud.do("create_event_source_mapping", EventSourceArn=arn, FunctionName=FUNCTION)
    cloud.send("waiting.fifo", groups=30, each=1)
    waiting = cloud.world.backends.sqs.queues["waiting.fifo"]
    cloud.settle(lambda: (waiting.counts().visible, waiting.counts().in_flight) == (0, 30))
    cloud.do("delete_function_concurrency", FunctionName=FUNCTION)
    cloud.settle(lambda: not len(cloud.box("waiting.fifo")))
    assert len(cloud.noted("waiting.fifo")) == 30
    assert cloud.do("get_event_source_mapping", UUID=made["UUID"])["LastProcessingResult"] == "OK"


def test_a_mapping_is_shown_changed_and_deleted_as_sdks_expect(cloud: Cloud) -> None:
    arn = cloud.queue("shown.fifo")
    made = cloud.do("create_event_source_mapping", EventSourceArn=arn, FunctionName=FUNCTION, BatchSize=5)
    assert (made["State"], made["BatchSize"], made["EventSourceArn"]) == ("Creating", 5, arn)
    assert isinstance(made["LastModified"], datetime)
    shown = cloud.do("get_event_source_mapping", UUID=made["UUID"])
    assert (shown["State"], shown["FunctionArn"].rpartition(":")[2]) == ("Enabled", FUNCTION)
    changed = cloud.do("update_event_source_mapping", UUID=made["UUID"], BatchSize=7, Enabled=False)
    assert (changed["State"], changed["BatchSize"]) == ("Disabling", 7)
    assert cloud.do("delete_event_source_mapping", UUID=made["UUID"])["State"] == "Deleting"
    assert cloud.do("list_event_source_mappings", EventSourceArn=arn)["EventSourceMappings"] == []


def test_an_asynchronous_invoke_that_fails_is_recorded_at_its_destination(cloud: Cloud) -> None:
    put = cloud.do(
        "put_function_event_invoke_config",
        FunctionName=FUNCTION,
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": cloud.queue("failed")}},
    )
    assert isinstance(put["LastModified"], datetime)
    assert cloud.do("invoke", FunctionName=FUNCTION, InvocationType="Event", Payload=b"{}")["StatusCode"] == 202
    cloud.settle(lambda: len(cloud.box("failed")))
    [message] = cloud.world.backends.sqs.queues["failed"].take(1, 60.0)
    record = json.loads(message.body)
    assert (record["requestContext"]["condition"], record["responsePayload"]["errorMessage"]) == (
        "RetriesExhausted",
        "no records",
    )
