"""Stacks: made whole or not at all, and gone without a trace."""

import pytest

from infrastructure.embedded.stacks.tests.world import TWO, Stacks
from infrastructure.embedded.tests.control import run


def test_resources_are_made_in_the_order_they_need_each_other() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        assert [(name, status) for name, status, _ in await stacks.events("two")] == [
            ("two", "CREATE_IN_PROGRESS"),
            ("First", "CREATE_IN_PROGRESS"),
            ("First", "CREATE_COMPLETE"),
            ("Second", "CREATE_IN_PROGRESS"),
            ("Second", "CREATE_COMPLETE"),
            ("two", "CREATE_COMPLETE"),
        ]
        outputs = await stacks.outputs("two")
        assert outputs["TableArn"].endswith(":table/first")
        assert outputs["QueueUrl"].endswith("/second")

    run(scenario())


def test_a_resource_that_fails_takes_the_others_back_and_says_why() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO, parameters={"Broken": "yes"})
        assert await stacks.status("two") == "ROLLBACK_COMPLETE"
        reasons = {name: reason for name, status, reason in await stacks.events("two") if status == "CREATE_FAILED"}
        assert list(reasons) == ["Third"]
        assert "subnet-absent" in reasons["Third"]
        assert (list(stacks.backends.dynamodb.tables), list(stacks.backends.sqs.queues)) == ([], [])

    run(scenario())


@pytest.mark.parametrize(
    ("on_failure", "status", "left"),
    [("DO_NOTHING", "CREATE_FAILED", ["first"]), ("DELETE", "DELETE_COMPLETE", [])],
)
def test_on_failure_is_the_callers_choice(on_failure: str, status: str, left: list[str]) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call(
            "CreateStack", StackName="two", TemplateBody=TWO, OnFailure=on_failure, parameters={"Broken": "yes"}
        )
        assert list(stacks.backends.dynamodb.tables) == left
        known = {stack.name: stack.status for stack in stacks.backends.cloudformation.list_stacks()}
        assert known["two"] == status

    run(scenario())


def test_the_name_of_a_stack_that_was_deleted_on_failure_is_free() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        failing = {"StackName": "two", "TemplateBody": TWO, "OnFailure": "DELETE", "parameters": {"Broken": "yes"}}
        await stacks.call("CreateStack", **failing)
        assert "does not exist" in await stacks.refusal("DescribeStacks", StackName="two")
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        assert await stacks.status("two") == "CREATE_COMPLETE"

    run(scenario())


def test_describing_a_rolled_back_stack_makes_nothing() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO, parameters={"Broken": "yes"})
        assert await stacks.outputs("two") == {}
        await stacks.call("DescribeStackResources", StackName="two")
        assert list(stacks.backends.dynamodb.tables) == []

    run(scenario())


@pytest.mark.parametrize(
    ("body", "parameters", "message"),
    [
        (
            "Resources: {A: {Type: 'AWS::Neptune::DBCluster'}}",
            {},
            "Unrecognized resource types: [AWS::Neptune::DBCluster]",
        ),
        ("Resources: {}", {}, "At least one Resources member must be defined"),
        ("Description: nothing", {}, "At least one Resources member must be defined"),
        ("Resources: [", {}, "Template format error"),
        ("{", {}, "Template format error"),
        ("!!python/object/apply:os.system ['true']", {}, "Template format error"),
        ("Resources: {A: {Type: 'AWS::SQS::Queue', DependsOn: A}}", {}, "Circular dependency between resources: [A]"),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !Ref B}}}",
            {},
            "Unresolved resource dependencies [B]",
        ),
        (TWO, {"Colour": "red"}, "Parameters: [Colour] do not exist in the template"),
        (TWO, {"Units": "0"}, "'Units' must be a number not less than 1"),
        (TWO, {"Units": "many"}, "'Units' must be a number"),
        (TWO, {"Units": "nan"}, "'Units' must be a number"),
        (TWO, {"Broken": "maybe"}, "'Broken' must be one of AllowedValues [yes, no]"),
        (TWO.replace("Default: 5, ", ""), {}, "Parameters: [Units] must have values"),
        ("Resources: [A]", {}, "Resources must be an object, not ['A']"),
        ("Resources: {A: text}", {}, "Resources member A must be an object, not 'text'"),
        ("Resources: {A: {Properties: {}}}", {}, "[/Resources/A] Every Resources object must contain a Type member"),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: {'Fn::GetAtt': {}}}}}",
            {},
            "every Fn::GetAtt object requires two non-empty parameters",
        ),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', Condition: Lost}}",
            {},
            "Unresolved condition dependency Lost in the Resources block",
        ),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue', Properties: {QueueName: !If [Lost, a, b]}}}",
            {},
            "Unresolved condition dependency Lost in the Resources block",
        ),
        (
            "Conditions: {Is: !Equals [!Ref Lost, a]}\nResources: {A: {Type: 'AWS::SQS::Queue', Condition: Is}}",
            {},
            "Unresolved resource dependencies [Lost] in the Conditions block",
        ),
        (
            "Resources: {A: {Type: 'AWS::SQS::Queue'}}\nOutputs: {Name: {Value: !Ref Lost}}",
            {},
            "Unresolved resource dependencies [Lost] in the Outputs block",
        ),
    ],
)
def test_a_wrong_template_is_refused_before_anything_is_made(
    body: str, parameters: dict[str, str], message: str
) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        refusal = await stacks.refusal("CreateStack", StackName="wrong", TemplateBody=body, parameters=parameters)
        assert refusal.startswith("ValidationError: ")
        assert message in refusal
        assert stacks.backends.cloudformation.stacks == {}

    run(scenario())


@pytest.mark.parametrize(
    "body",
    [
        """
Parameters: {Colours: {Type: CommaDelimitedList, Default: "red,blue", AllowedValues: [red, blue, green]}}
Resources: {A: {Type: AWS::SQS::Queue}}
""",
        """
Resources:
  A:
    Type: AWS::ECS::TaskDefinition
    Properties:
      ContainerDefinitions:
        - {Name: a, Image: i, Memory: 1, DependsOn: [{ContainerName: b, Condition: START}]}
        - {Name: b, Image: i, Memory: 1}
""",
    ],
    ids=["a list of allowed values", "a container that depends on another"],
)
def test_what_is_right_on_aws_is_not_refused(body: str) -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="right", TemplateBody=body)
        assert await stacks.status("right") == "CREATE_COMPLETE"

    run(scenario())


def test_an_update_to_a_wrong_template_leaves_the_stack_as_it_was() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        wrong = TWO.replace("Condition: IsBroken", "Condition: Lost")
        assert "Unresolved condition" in await stacks.refusal("UpdateStack", StackName="two", TemplateBody=wrong)
        assert await stacks.status("two") == "CREATE_COMPLETE"
        await stacks.call("UpdateStack", StackName="two", TemplateBody=TWO, parameters={"Units": "8"})
        assert await stacks.status("two") == "UPDATE_COMPLETE"

    run(scenario())


def test_what_is_retained_stays() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        body = TWO.replace("    DependsOn: First", "    DependsOn: First\n    DeletionPolicy: Retain")
        await stacks.call("CreateStack", StackName="two", TemplateBody=body)
        await stacks.call("DeleteStack", StackName="two")
        assert (list(stacks.backends.dynamodb.tables), list(stacks.backends.sqs.queues)) == ([], ["second"])

    run(scenario())


def test_deleting_a_stack_that_is_not_there_is_fine() -> None:
    async def scenario() -> None:
        await Stacks().call("DeleteStack", StackName="nobody")

    run(scenario())


def test_a_second_stack_of_the_same_name_is_refused() -> None:
    async def scenario() -> None:
        stacks = Stacks()
        await stacks.call("CreateStack", StackName="two", TemplateBody=TWO)
        assert "AlreadyExistsException" in await stacks.refusal("CreateStack", StackName="two", TemplateBody=TWO)

    run(scenario())
