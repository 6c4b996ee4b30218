"""A resource that is still being made or changed is waited for: before the next call to it, and the stack's end."""

from infrastructure.embedded.stacks.tests.world import Stacks, is_gone, stack_of, until
from infrastructure.embedded.tests.control import run

TEMPLATE = """
Resources:
  Stream:
    Type: AWS::Kinesis::Stream
    Properties:
      Name: s
      ShardCount: {shards}
      RetentionPeriodHours: {hours}
      StreamEncryption: {{EncryptionType: KMS, KeyId: alias/aws/kinesis}}
      DesiredShardLevelMetrics: {metrics}
  Consumer:
    Type: AWS::Kinesis::StreamConsumer
    Properties: {{ConsumerName: c, StreamARN: !GetAtt Stream.Arn}}
  Queue: {{Type: AWS::SQS::Queue, Properties: {{QueueName: q, VisibilityTimeout: {visibility}}}, DependsOn: Consumer}}
Outputs:
  Name: {{Value: !Ref Stream}}
  Consumer: {{Value: !Ref Consumer}}
  Status: {{Value: !GetAtt Consumer.ConsumerStatus}}
"""
LAG_S = 0.02


def _body(shards: int = 1, hours: int = 24, metrics: str = "[IncomingBytes]", visibility: int = 30) -> str:
    return TEMPLATE.format(shards=shards, hours=hours, metrics=metrics, visibility=visibility)


async def _ended(stacks: Stacks, status: str) -> None:
    """The stack has come to that end by itself; meanwhile anybody may ask for it."""
    await until(lambda: not stack_of(stacks, "made").status.endswith("_IN_PROGRESS"))
    assert await stacks.status("made") == status, await stacks.events("made")


async def _made() -> Stacks:
    stacks = Stacks(stream_lag_s=LAG_S)
    await stacks.call("CreateStack", StackName="made", TemplateBody=_body())
    assert await stacks.status("made") == "CREATE_IN_PROGRESS"
    assert await stacks.outputs("made") == {}
    assert "q" not in stacks.backends.sqs.queues, "what depends on it waits"
    await _ended(stacks, "CREATE_COMPLETE")
    return stacks


def test_a_stack_is_made_when_its_stream_and_its_consumer_are_active() -> None:
    async def scenario() -> None:
        stacks = await _made()
        outputs = await stacks.outputs("made")
        assert (outputs["Name"], outputs["Status"]) == ("s", "ACTIVE")
        assert ":stream/s/consumer/c:" in outputs["Consumer"]
        stream = stacks.backends.kinesis.streams["s"]
        assert (stream.encryption_type, stream.monitored) == ("KMS", ("IncomingBytes",))
        await stacks.call("DeleteStack", StackName="made")
        await until(lambda: is_gone(stacks, "made"))
        assert not stacks.backends.kinesis.streams

    run(scenario())


def test_changes_of_one_stream_are_made_one_after_the_other() -> None:
    async def scenario() -> None:
        stacks = await _made()
        await stacks.call("UpdateStack", StackName="made", TemplateBody=_body(2, 48, "[IncomingRecords]"))
        await _ended(stacks, "UPDATE_COMPLETE")
        stream = stacks.backends.kinesis.streams["s"]
        assert (len(stream.open_shards), stream.retention_period_hours) == (2, 48)
        assert stream.monitored == ("IncomingRecords",)

    run(scenario())


def test_a_change_that_fails_later_is_put_back_one_after_the_other() -> None:
    async def scenario() -> None:
        stacks = await _made()
        await stacks.call("UpdateStack", StackName="made", TemplateBody=_body(2, 48, visibility=43_201))
        await _ended(stacks, "UPDATE_ROLLBACK_COMPLETE")
        stream = stacks.backends.kinesis.streams["s"]
        assert (len(stream.open_shards), stream.retention_period_hours) == (1, 24)

    run(scenario())


def test_what_cannot_be_changed_in_between_is_refused() -> None:
    async def scenario() -> None:
        stacks = Stacks(stream_lag_s=LAG_S)
        await stacks.call("CreateStack", StackName="made", TemplateBody=_body())
        refusal = await stacks.refusal("UpdateStack", StackName="made", TemplateBody=_body(2))
        assert "CREATE_IN_PROGRESS" in refusal
        await _ended(stacks, "CREATE_COMPLETE")

    run(scenario())


def test_a_stack_that_is_being_made_can_be_deleted() -> None:
    """What is under way is not made on; what is there already goes, once it can."""

    async def scenario() -> None:
        stacks = Stacks(stream_lag_s=LAG_S)
        await stacks.call("CreateStack", StackName="made", TemplateBody=_body())
        stack = stack_of(stacks, "made")
        assert (stack.status, list(stacks.backends.kinesis.streams)) == ("CREATE_IN_PROGRESS", ["s"])
        await stacks.call("DeleteStack", StackName="made")
        assert stack.status == "DELETE_IN_PROGRESS"
        await until(lambda: is_gone(stacks, "made"))
        assert not stacks.backends.kinesis.streams
        assert "q" not in stacks.backends.sqs.queues
        told = [(each.logical_resource_id, each.resource_status) for each in stack.events]
        assert told == [
            ("made", "CREATE_IN_PROGRESS"),
            ("Stream", "CREATE_IN_PROGRESS"),
            ("Stream", "CREATE_FAILED"),
            ("made", "DELETE_IN_PROGRESS"),
            ("Stream", "DELETE_IN_PROGRESS"),
            ("Stream", "DELETE_COMPLETE"),
            ("made", "DELETE_COMPLETE"),
        ]
        assert stack.events[2].resource_status_reason == "Resource creation cancelled"
        await stacks.call("CreateStack", StackName="made", TemplateBody=_body())
        await _ended(stacks, "CREATE_COMPLETE")

    run(scenario())


def test_a_stack_that_is_being_changed_cannot_be_deleted() -> None:
    async def scenario() -> None:
        stacks = await _made()
        await stacks.call("UpdateStack", StackName="made", TemplateBody=_body(2))
        refusal = await stacks.refusal("DeleteStack", StackName="made")
        assert "Stack [made] cannot be deleted while in status UPDATE_IN_PROGRESS" in refusal
        await _ended(stacks, "UPDATE_COMPLETE")

    run(scenario())
