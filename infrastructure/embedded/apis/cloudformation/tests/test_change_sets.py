"""Change sets: what would change is told, and done when it is asked for; `aws cloudformation deploy` asks so."""

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.tests.in_process import Clients

TWO = """
Parameters:
  Name: {Type: String, Default: first}
  Seconds: {Type: Number, Default: 30}
  Secret: {Type: String, Default: quiet, NoEcho: true}
Resources:
  Dead: {Type: AWS::SQS::Queue, Properties: {QueueName: !Sub "${Name}-dead"}}
  Live:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !Ref Seconds
      RedrivePolicy: {maxReceiveCount: 3, deadLetterTargetArn: !GetAtt Dead.Arn}
Outputs:
  Url: {Value: !Ref Live}
"""


def _set(client: Any, body: str = TWO, kind: str = "UPDATE", name: str = "next", **more: Any) -> dict[str, Any]:
    """A change set, described."""
    given = {"StackName": "two", "ChangeSetName": name, "ChangeSetType": kind, "TemplateBody": body, **more}
    made = client.create_change_set(**given)
    found: dict[str, Any] = client.describe_change_set(ChangeSetName=made["Id"])
    return found


def _parameters(**values: object) -> list[dict[str, str]]:
    return [{"ParameterKey": name, "ParameterValue": str(value)} for name, value in values.items()]


def _refusal(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def _changes(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["ResourceChange"]["LogicalResourceId"]: each["ResourceChange"] for each in described["Changes"]}


def _made(client: Any, **more: Any) -> None:
    client.create_stack(StackName="two", TemplateBody=TWO, **more)


def test_a_deployment_makes_a_stack_and_updates_it_by_change_sets(cloudformation: Any) -> None:
    """The calls of `aws cloudformation deploy`, with its waiters."""
    code, message = _refusal(cloudformation.describe_stacks, StackName="two")
    assert (code, message) == ("ValidationError", "Stack with id two does not exist")
    for kind, given in (("CREATE", []), ("UPDATE", _parameters(Seconds=60))):
        asked = {"ChangeSetName": f"deploy-{kind}", "StackName": "two"}
        made = cloudformation.create_change_set(TemplateBody=TWO, ChangeSetType=kind, Parameters=given, **asked)
        by_arn = {"ChangeSetName": made["Id"], "StackName": "two"}
        cloudformation.get_waiter("change_set_create_complete").wait(**by_arn)
        cloudformation.execute_change_set(DisableRollback=False, **by_arn)
        cloudformation.get_waiter(f"stack_{kind.lower()}_complete").wait(StackName="two")
        described = cloudformation.describe_change_set(**by_arn)
        assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "EXECUTE_COMPLETE")
    [stack] = cloudformation.describe_stacks(StackName="two")["Stacks"]
    assert stack["ChangeSetId"] == made["Id"]
    assert {"ParameterKey": "Seconds", "ParameterValue": "60"} in stack["Parameters"]


def test_a_stack_under_review_has_nothing_in_it(cloudformation: Any, clients: Clients) -> None:
    described = _set(cloudformation, kind="CREATE", Description="said", Tags=[{"Key": "a", "Value": "b"}])
    assert (described["Status"], described["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert (described["Description"], described["Tags"]) == ("said", [{"Key": "a", "Value": "b"}])
    assert {name: each["Action"] for name, each in _changes(described).items()} == {"Dead": "Add", "Live": "Add"}
    [stack] = cloudformation.describe_stacks(StackName="two")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert clients.client("sqs").list_queues().get("QueueUrls", []) == []
    assert cloudformation.get_template(StackName="two", ChangeSetName="next")["TemplateBody"] == TWO
    cloudformation.delete_stack(StackName="two")
    assert _refusal(cloudformation.describe_stacks, StackName="two")[0] == "ValidationError"
    assert (
        _refusal(cloudformation.describe_change_set, ChangeSetName=described["ChangeSetId"])[0] == "ChangeSetNotFound"
    )


def test_what_does_not_change_anything_fails(cloudformation: Any) -> None:
    _made(cloudformation)
    previous = [{"ParameterKey": "Seconds", "UsePreviousValue": True}]
    cases: tuple[dict[str, Any], ...] = ({}, {"Parameters": previous}, {"body": "Description: said\n" + TWO})
    for number, given in enumerate(cases):
        described = _set(cloudformation, name=f"empty-{number}", **given)
        assert (described["Status"], described["ExecutionStatus"]) == ("FAILED", "UNAVAILABLE")
        reason = (
            "The submitted information didn't contain changes. Submit different information to create a change set."
        )
        assert described["StatusReason"] == reason
    code, message = _refusal(cloudformation.execute_change_set, StackName="two", ChangeSetName="empty-0")
    assert code == "InvalidChangeSetStatus"
    assert message.endswith("cannot be executed in its current status of [FAILED]")


def test_what_changes_in_place_is_told_with_its_cause(cloudformation: Any) -> None:
    _made(cloudformation)
    described = _set(cloudformation, Parameters=_parameters(Seconds=60))
    [(name, change)] = _changes(described).items()
    assert (name, change["Action"], change["Replacement"]) == ("Live", "Modify", "False")
    assert change["Scope"] == ["Properties"]
    assert change["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "VisibilityTimeout", "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "ParameterReference",
            "CausingEntity": "Seconds",
        }
    ]


def test_what_is_replaced_is_told_and_so_is_who_refers_to_it(cloudformation: Any) -> None:
    _made(cloudformation)
    changes = _changes(_set(cloudformation, Parameters=_parameters(Name="second")))
    assert {name: (each["Action"], each["Replacement"]) for name, each in changes.items()} == {
        "Dead": ("Modify", "True"),
        "Live": ("Modify", "False"),
    }
    assert changes["Dead"]["PolicyAction"] == "ReplaceAndDelete"
    [detail] = changes["Live"]["Details"]
    assert (detail["Evaluation"], detail["ChangeSource"]) == ("Dynamic", "ResourceAttribute")
    assert (detail["Target"]["Name"], detail["CausingEntity"]) == ("RedrivePolicy", "Dead.Arn")
    cloudformation.execute_change_set(StackName="two", ChangeSetName="next")
    [stack] = cloudformation.describe_stacks(StackName="two")["Stacks"]
    assert stack["StackStatus"] == "UPDATE_COMPLETE"


@pytest.mark.parametrize(
    ("config", "replacement"),
    [
        ("{Port: 80, VpcIdentifier: !Ref Network, HealthCheck: {Path: /ready}}", "False"),
        ("{Port: 81, VpcIdentifier: !Ref Network}", "True"),
        ("{Port: 80, VpcIdentifier: !Ref Other}", "True"),
    ],
    ids=["a part that changes in place", "a fixed part", "a fixed part of which only the update can tell"],
)
def test_a_property_of_parts_is_told_by_what_of_it_changes(cloudformation: Any, config: str, replacement: str) -> None:
    network = "{Type: AWS::EC2::VPC, Properties: {CidrBlock: 10.0.0.0/16}}"
    body = f"Resources:\n  Network: {network}\n  Other: {network}\n  Targets:\n    Type: AWS::VpcLattice::TargetGroup\n"
    first = "{Port: 80, VpcIdentifier: !Ref Network}"
    without = body.replace(f"  Other: {network}\n", "")
    given = {"TemplateBody": f"{without}    Properties: {{Type: IP, Config: {first}}}\n"}
    cloudformation.create_stack(StackName="two", **given)
    changes = _changes(_set(cloudformation, f"{body}    Properties: {{Type: IP, Config: {config}}}\n"))
    assert changes["Targets"]["Replacement"] == replacement


def test_what_comes_and_what_goes_is_told_with_its_properties(cloudformation: Any) -> None:
    _made(cloudformation)
    body = TWO.replace("  Dead: {", "  Other: {").replace("Dead.Arn", "Other.Arn")
    made = cloudformation.create_change_set(StackName="two", ChangeSetName="next", TemplateBody=body)
    described = cloudformation.describe_change_set(ChangeSetName=made["Id"], IncludePropertyValues=True)
    changes = _changes(described)
    told = [(name, each["Action"], each.get("PolicyAction")) for name, each in changes.items()]
    assert told == [("Other", "Add", None), ("Live", "Modify", None), ("Dead", "Remove", "Delete")]
    assert json.loads(changes["Other"]["AfterContext"]) == {"Properties": {"QueueName": "first-dead"}}
    assert "BeforeContext" not in changes["Other"]
    after = json.loads(changes["Live"]["AfterContext"])["Properties"]
    assert after["RedrivePolicy"]["deadLetterTargetArn"] == "{{changeSet:KNOWN_AFTER_APPLY}}"
    assert "AfterContext" not in _changes(cloudformation.describe_change_set(ChangeSetName=made["Id"]))["Live"]


@pytest.mark.parametrize("policy", ["Retain", "Delete"])
def test_what_becomes_of_what_goes_is_what_its_policy_says(cloudformation: Any, policy: str) -> None:
    body = TWO.replace("  Live:\n", f"  Live:\n    DeletionPolicy: {policy}\n")
    cloudformation.create_stack(StackName="two", TemplateBody=body)
    without = body[: body.index("  Live:")]
    assert _changes(_set(cloudformation, without))["Live"]["PolicyAction"] == policy


def test_a_policy_alone_is_a_change(cloudformation: Any) -> None:
    _made(cloudformation)
    changes = _changes(_set(cloudformation, TWO.replace("  Live:\n", "  Live:\n    DeletionPolicy: Retain\n")))
    assert [each["Target"]["Attribute"] for each in changes["Live"]["Details"]] == ["DeletionPolicy"]


def test_a_new_revision_of_a_task_definition_is_a_replacement(cloudformation: Any) -> None:
    body = (
        "Parameters: {Image: {Type: String, Default: one}}\nResources:\n  Task:\n    Type: AWS::ECS::TaskDefinition\n"
        "    Properties: {Family: order, ContainerDefinitions: [{Name: order, Image: !Ref Image, Memory: 128}]}\n"
    )
    cloudformation.create_stack(StackName="two", TemplateBody=body)
    [change] = _changes(_set(cloudformation, body, Parameters=_parameters(Image="two"))).values()
    assert change["Replacement"] == "True"


def test_executing_one_takes_the_others_away(cloudformation: Any) -> None:
    _made(cloudformation)
    for number in (1, 2):
        _set(cloudformation, name=f"set-{number}", Parameters=_parameters(Seconds=60 + number))
    listed = cloudformation.list_change_sets(StackName="two")["Summaries"]
    assert [each["ChangeSetName"] for each in listed] == ["set-1", "set-2"]
    cloudformation.execute_change_set(StackName="two", ChangeSetName="set-2")
    [left] = cloudformation.list_change_sets(StackName="two")["Summaries"]
    assert (left["ChangeSetName"], left["ExecutionStatus"]) == ("set-2", "EXECUTE_COMPLETE")
    assert _refusal(cloudformation.execute_change_set, StackName="two", ChangeSetName="set-1")[0] == "ChangeSetNotFound"
    code, _ = _refusal(cloudformation.execute_change_set, StackName="two", ChangeSetName="set-2")
    assert code == "InvalidChangeSetStatus"


def test_an_update_past_it_takes_a_change_set_away(cloudformation: Any) -> None:
    _made(cloudformation)
    _set(cloudformation, Parameters=_parameters(Seconds=60))
    cloudformation.update_stack(StackName="two", TemplateBody=TWO, Parameters=_parameters(Seconds=90))
    assert cloudformation.list_change_sets(StackName="two")["Summaries"] == []


def test_a_change_set_that_is_deleted_is_gone_and_its_stack_stays(cloudformation: Any) -> None:
    described = _set(cloudformation, kind="CREATE")
    for _ in range(2):  # deleting what is gone is fine
        cloudformation.delete_change_set(ChangeSetName="next", StackName="two")
    assert (
        _refusal(cloudformation.describe_change_set, ChangeSetName=described["ChangeSetId"])[0] == "ChangeSetNotFound"
    )
    [stack] = cloudformation.describe_stacks(StackName="two")["Stacks"]
    assert stack["StackStatus"] == "REVIEW_IN_PROGRESS"


@pytest.mark.parametrize(
    ("failure", "status"),
    [(None, "ROLLBACK_COMPLETE"), ("ROLLBACK", "ROLLBACK_COMPLETE"), ("DO_NOTHING", "CREATE_FAILED"), ("DELETE", None)],
)
def test_what_happens_when_a_resource_fails_is_what_was_asked_for(
    cloudformation: Any, failure: str | None, status: str | None
) -> None:
    body = TWO + "  Unused: {Value: x}\n"
    body = body.replace("Outputs:", "  Bad: {Type: AWS::SQS::Queue, DependsOn: Live, Properties: {Nope: 1}}\nOutputs:")
    more = {} if failure is None else {"OnStackFailure": failure}
    _set(cloudformation, body, kind="CREATE", **more)
    cloudformation.execute_change_set(StackName="two", ChangeSetName="next")
    if status is None:
        assert _refusal(cloudformation.describe_stacks, StackName="two")[0] == "ValidationError"
        return
    [stack] = cloudformation.describe_stacks(StackName="two")["Stacks"]
    assert stack["StackStatus"] == status
    described = cloudformation.describe_change_set(StackName="two", ChangeSetName="next")
    assert described["ExecutionStatus"] == "EXECUTE_FAILED"


def test_a_change_set_that_is_not_possible_is_refused(cloudformation: Any) -> None:
    ask = {"ChangeSetName": "next", "TemplateBody": TWO, "StackName": "two"}
    create = cloudformation.create_change_set
    assert _refusal(create, **ask) == ("ValidationError", "Stack [two] does not exist")
    _made(cloudformation)
    code, message = _refusal(create, **ask, ChangeSetType="CREATE")
    assert (code, message) == (
        "ValidationError",
        "Stack [two] already exists and cannot be created again with the changeSet [next].",
    )
    _set(cloudformation)
    assert _refusal(create, **ask) == ("AlreadyExistsException", "ChangeSet [next] already exists")
    assert _refusal(create, **ask, ChangeSetType="IMPORT")[0] == "UnsupportedOperation"
    retyped = TWO.replace("Type: AWS::SQS::Queue, ", "Type: AWS::Logs::LogGroup, ").replace("QueueName", "LogGroupName")
    described = _set(cloudformation, retyped, name="retyped")
    assert described["Status"] == "FAILED"
    assert "modifies resource type of the following resources: [Dead]" in described["StatusReason"]


def test_a_first_change_set_that_is_refused_leaves_no_stack(cloudformation: Any) -> None:
    code, _ = _refusal(
        cloudformation.create_change_set,
        StackName="two",
        ChangeSetName="next",
        ChangeSetType="CREATE",
        TemplateBody=TWO,
        Parameters=_parameters(Nope=1),
    )
    assert code == "ValidationError"
    assert _refusal(cloudformation.describe_stacks, StackName="two")[0] == "ValidationError"


def test_a_previous_value_may_be_a_default_and_what_is_not_to_be_echoed_is_not(cloudformation: Any) -> None:
    _made(cloudformation)
    previous = [{"ParameterKey": name, "UsePreviousValue": True} for name in ("Name", "Secret")]
    other = TWO.replace("Default: first", "Default: second")
    described = _set(cloudformation, other, Parameters=[*previous, *_parameters(Seconds=60)])
    found = {each["ParameterKey"]: each["ParameterValue"] for each in described["Parameters"]}
    assert found == {"Name": "first", "Seconds": "60", "Secret": "****"}
    assert list(_changes(described)) == ["Live"]
    code, message = _refusal(
        cloudformation.create_change_set,
        StackName="two",
        ChangeSetName="other",
        TemplateBody=TWO,
        Parameters=[{"ParameterKey": "New", "UsePreviousValue": True}],
    )
    assert code == "ValidationError"
    assert "Cannot specify usePreviousValue as true for a parameter key not in the previous template" in message
