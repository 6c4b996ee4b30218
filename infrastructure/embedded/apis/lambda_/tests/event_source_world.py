"""A queue, its dead letter queue and a function, mapped by the real part of the controller."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.apis.lambda_.event_source.mappings import LambdaEventSources
from infrastructure.embedded.apis.lambda_.tests.fake_functions import FUNCTION, Clock, Functions, context, quiet
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control

URL = f"http://127.0.0.1/{ACCOUNT}/"
ARN = f"arn:aws:sqs:{REGION}:{ACCOUNT}:"
VISIBILITY_S = 60.0


@dataclass(kw_only=True)
class World:
    """A queue, its dead letter queue and a function, with a clock for the queues."""

    control: Control
    clock: Clock
    functions: Functions
    sources: LambdaEventSources
    queue: str

    def map(self, **settings: Any) -> str:
        """Map the queue to the function; the mapping's UUID."""
        wanted = {"EventSourceArn": ARN + self.queue, "FunctionName": FUNCTION, **settings}
        return str(self.call("CreateEventSourceMapping", **wanted)["UUID"])

    def call(self, action: str, **parameters: Any) -> Any:
        return self.control.backends.operations.call("lambda", action, **parameters)

    def shown(self, identity: str) -> Any:
        return self.call("GetEventSourceMapping", UUID=identity)

    async def send(self, *bodies: str, group: str = "g") -> None:
        for body in bodies:
            fifo = {"MessageGroupId": group, "MessageDeduplicationId": body} if ".fifo" in self.queue else {}
            await self.control.ask("sqs", "SendMessage", QueueUrl=URL + self.queue, MessageBody=body, **fifo)

    def held(self, queue: str = "") -> list[str]:
        """The bodies in a queue, in the order sent."""
        box = self.control.backends.sqs.queues[queue or self.queue].box
        return [each.body.body for each in box._held.values()]

    def counts(self) -> tuple[int, int]:
        """Visible, in flight."""
        counts = self.control.backends.sqs.queues[self.queue].counts()
        return counts.visible, counts.in_flight

    async def idle(self) -> None:
        """Until no batch is on its way; somebody answers the invocations."""
        await quiet()
        while any(record.poller._running for record in self.sources._records.values()):
            await quiet()

    async def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.sources.poke()
        await quiet()


@asynccontextmanager
async def world(*, queue: str = "orders.fifo", max_receives: int = 3, **attributes: str) -> AsyncIterator[World]:
    control, clock, functions = Control(), Clock(), Functions()
    fifo = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
    dead = "dead" + queue.removeprefix("orders")
    await control.ask("sqs", "CreateQueue", QueueName=dead, Attributes=fifo)
    redrive = json.dumps({"deadLetterTargetArn": ARN + dead, "maxReceiveCount": str(max_receives)})
    wanted = {**fifo, "VisibilityTimeout": str(int(VISIBILITY_S)), "RedrivePolicy": redrive, **attributes}
    await control.ask("sqs", "CreateQueue", QueueName=queue, Attributes=wanted)
    for each in control.backends.sqs.queues.values():
        each.clock = clock
    sources = LambdaEventSources(context(control), functions)
    control.backends.operations.bind("lambda", sources)
    try:
        yield World(control=control, clock=clock, functions=functions, sources=sources, queue=queue)
    finally:
        await sources.close()
