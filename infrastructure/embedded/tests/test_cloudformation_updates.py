"""Updates of stacks: changed where the template changed, and put back when one change fails."""

import pytest

from infrastructure.embedded.tests.cloudformation_world import TWO, Stacks
from infrastructure.embedded.tests.control import run


def test_an_update_without_a_change_is_refused() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        same = TWO.replace("  Second:", "\n  Second:")
        for body in (TWO, same):
            refusal = await stacks.refusal("UpdateStack", StackName="two", TemplateBody=body)
            assert refusal == "ValidationError: No updates are to be performed."

    run(scenario())


def test_an_update_changes_what_its_parameters_reach() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        table = stacks.backends.dynamodb.tables["first"]
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters={"Units": "7"})
        assert await stacks.status("two") == "UPDATE_COMPLETE"
        assert stacks.backends.dynamodb.tables["first"] is table
        assert table.throughput["WriteCapacityUnits"] == 7
        updated = [name for name, status, _ in await stacks.events("two") if status == "UPDATE_COMPLETE"]
        assert updated == ["First", "two"]

    run(scenario())


def test_an_update_that_fails_puts_back_what_it_changed() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        changes = {"Units": "7", "Seconds": "60", "Broken": "yes"}
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters=changes)
        assert await stacks.status("two") == "UPDATE_ROLLBACK_COMPLETE"
        assert stacks.backends.dynamodb.tables["first"].throughput["WriteCapacityUnits"] == 5
        assert stacks.backends.sqs.queues["second"].visibility_timeout == 30
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters={"Units": "8"})
        assert await stacks.status("two") == "UPDATE_COMPLETE"

    run(scenario())


def test_an_update_adds_and_removes() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        other = TWO.replace("Second", "Other").replace("QueueName: second", "QueueName: other")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=other)
        assert list(stacks.backends.sqs.queues) == ["other"]

    run(scenario())


def test_a_property_that_cannot_change_fails_the_update_by_name() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        body = TWO.replace("AttributeName: id", "AttributeName: other")
        await stacks.call("UpdateStack", StackName="two", TemplateBody=body)
        failed = [reason for _, status, reason in await stacks.events("two") if status == "UPDATE_FAILED"]
        assert "AttributeDefinitions, KeySchema cannot be changed" in failed[0]

    run(scenario())


def test_another_type_under_the_same_name_is_refused_and_nothing_is_lost() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        topic = TWO.replace("AWS::SQS::Queue", "AWS::Logs::LogGroup")
        topic = topic.replace("{QueueName: second, VisibilityTimeout: !Ref Seconds}", "{LogGroupName: second}")
        refusal = await stacks.refusal("UpdateStack", StackName="two", TemplateBody=topic)
        assert "Update of resource type is not permitted" in refusal
        assert "[Second]" in refusal
        assert await stacks.status("two") == "CREATE_COMPLETE"
        await stacks.call("DeleteStack", StackName="two")
        assert list(stacks.backends.sqs.queues) == []

    run(scenario())


@pytest.mark.parametrize(
    ("broken", "left"), [("no", ["second"]), ("yes", [])], ids=["an-update-that-succeeds", "one-that-is-taken-back"]
)
def test_a_deletion_policy_is_what_the_last_successful_template_says(broken: str, left: list[str]) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        retained = TWO.replace("    DependsOn: First", "    DependsOn: First\n    DeletionPolicy: Retain")
        changes = {"Seconds": "30" if broken == "no" else "60", "Broken": broken}
        await stacks.call("UpdateStack", StackName="two", TemplateBody=retained, parameters=changes)
        await stacks.call("DeleteStack", StackName="two")
        assert list(stacks.backends.sqs.queues) == left

    run(scenario())
