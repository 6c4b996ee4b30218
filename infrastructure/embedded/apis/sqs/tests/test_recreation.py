"""A queue's name after its deletion."""

from infrastructure.embedded.apis.sqs.recreation import Recreation
from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, call, run

URL = f"http://127.0.0.1/{ACCOUNT}/q"


def test_a_name_is_free_again_a_minute_after_its_queue_was_deleted() -> None:
    async def scenario() -> None:
        now, control = [1000.0], Control(interceptors=())
        recreation = Recreation(control.backends, clock=lambda: now[0])
        create, delete = call("sqs", "CreateQueue", {"QueueName": "q"}), call("sqs", "DeleteQueue", {"QueueUrl": URL})
        for asked in (create, create, delete):
            assert (await recreation(asked, control.plane.handle)).is_success
        now[0] += 59.9
        refused = await recreation(create, control.plane.handle)
        assert refused.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.QueueDeletedRecently;Sender"
        other = call("sqs", "CreateQueue", {"QueueName": "other"})
        assert (await recreation(other, control.plane.handle)).is_success
        now[0] += 0.1
        assert (await recreation(create, control.plane.handle)).is_success

    run(scenario())


def test_a_stack_makes_a_queue_anew_at_once() -> None:
    async def scenario() -> None:
        control, stack = Control(), ApiCalls(REGION)
        await control.ask("sqs", "CreateQueue", QueueName="q")
        stack("sqs", "DeleteQueue", QueueUrl=URL)
        stack("sqs", "CreateQueue", QueueName="q")
        await control.ask("sqs", "GetQueueUrl", QueueName="q")

    run(scenario())
