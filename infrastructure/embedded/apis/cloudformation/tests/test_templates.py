"""Templates are read and judged without a stack; what they do to IAM must be acknowledged."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.tests.in_process import Clients

QUEUE = "Resources: {Q: {Type: AWS::SQS::Queue}}"
ROLE = """
AWSTemplateFormatVersion: "2010-09-09"
Description: a role
Parameters:
  Size: {Type: Number, Default: 1, AllowedValues: [1, 2], Description: how large}
  Secret: {Type: String, NoEcho: true}
Resources:
  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {Statement: []}%s}}
"""


def _refusal(call: Any, **given: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**given)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def test_a_template_is_validated(cloudformation: Any) -> None:
    found = cloudformation.validate_template(TemplateBody=ROLE % "")
    assert found["Description"] == "a role"
    assert found["Parameters"] == [
        {"ParameterKey": "Size", "DefaultValue": "1", "NoEcho": False, "Description": "how large"},
        {"ParameterKey": "Secret", "NoEcho": True},
    ]
    assert found["Capabilities"] == ["CAPABILITY_IAM"]
    assert found["CapabilitiesReason"] == "The following resource(s) require capabilities: [AWS::IAM::Role]"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("Resources: {}", "At least one Resources member must be defined."),
        ("Resources: {Q: {Type: AWS::SQS::Q}}", "Unrecognized resource types: [AWS::SQS::Q]"),
        (QUEUE.replace("Queue}", "Queue, DependsOn: R}"), "Unresolved resource dependencies [R]"),
        ("{", "Template format error"),
    ],
)
def test_a_template_that_is_none_is_refused(cloudformation: Any, body: str, message: str) -> None:
    code, said = _refusal(cloudformation.validate_template, TemplateBody=body)
    assert code == "ValidationError"
    assert message in said


def test_a_transform_is_refused_by_name(cloudformation: Any) -> None:
    body = f"Transform: AWS::Serverless-2016-10-31\n{QUEUE}"
    code, message = _refusal(cloudformation.validate_template, TemplateBody=body)
    assert (code, "AWS::Serverless-2016-10-31" in message) == ("UnsupportedOperation", True)


def test_a_summary_is_of_a_template_or_of_a_stack(cloudformation: Any) -> None:
    body = ROLE % ", RoleName: named"
    given = [{"ParameterKey": "Secret", "ParameterValue": "x"}]
    cloudformation.create_stack(
        StackName="role", TemplateBody=body, Parameters=given, Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    for where in ({"TemplateBody": body}, {"StackName": "role"}):
        found = cloudformation.get_template_summary(**where)
        assert found["ResourceTypes"] == ["AWS::IAM::Role"]
        assert found["Capabilities"] == ["CAPABILITY_NAMED_IAM"]
        assert found["Version"] == "2010-09-09"
        size, secret = found["Parameters"]
        assert (size["ParameterType"], size["ParameterConstraints"]) == ("Number", {"AllowedValues": ["1", "2"]})
        assert (secret["ParameterType"], secret["NoEcho"]) == ("String", True)


@pytest.mark.parametrize(
    ("name", "given", "needed"),
    [
        ("", (), "CAPABILITY_IAM"),
        (", RoleName: named", ("CAPABILITY_IAM",), "CAPABILITY_NAMED_IAM"),
        ("", ("CAPABILITY_NAMED_IAM",), None),
    ],
    ids=["none", "too little", "more than enough"],
)
def test_what_a_template_does_to_iam_must_be_acknowledged(
    cloudformation: Any, name: str, given: tuple[str, ...], needed: str | None
) -> None:
    ask: dict[str, Any] = {"StackName": "role", "TemplateBody": ROLE % name, "Capabilities": list(given)}
    ask["Parameters"] = [{"ParameterKey": "Secret", "ParameterValue": "x"}]
    if needed is None:
        assert cloudformation.create_stack(**ask)["StackId"]
        return
    expected = ("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")
    assert _refusal(cloudformation.create_stack, **ask) == expected
    assert _refusal(cloudformation.create_change_set, ChangeSetName="x", ChangeSetType="CREATE", **ask) == expected


def test_a_template_may_lie_in_a_bucket_and_is_larger_there(cloudformation: Any, clients: Clients) -> None:
    body = f"{QUEUE}\n#{'x' * 51_200}\n"
    code, message = _refusal(cloudformation.create_stack, StackName="q", TemplateBody=body)
    assert (code, "less than or equal to 51200" in message) == ("ValidationError", True)
    s3 = clients.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="a b/q.yaml", Body=body.encode())
    for place in ("http://127.0.0.1:4566/templates", "https://templates.s3.us-east-1.amazonaws.com"):
        found = cloudformation.get_template_summary(TemplateURL=f"{place}/a%20b/q.yaml")
        assert found["ResourceTypes"] == ["AWS::SQS::Queue"]
    url = "https://s3.us-east-1.amazonaws.com/templates/absent"
    assert _refusal(cloudformation.create_stack, StackName="q", TemplateURL=url)[0] == "ValidationError"


def test_events_carry_the_token_of_the_call_that_began_them(cloudformation: Any) -> None:
    cloudformation.create_stack(StackName="q", TemplateBody=QUEUE, ClientRequestToken="first")
    other = QUEUE.replace("Queue}", "Queue, Properties: {DelaySeconds: 1}}")
    cloudformation.update_stack(StackName="q", TemplateBody=other, ClientRequestToken="second")
    events = cloudformation.describe_stack_events(StackName="q")["StackEvents"]
    tokens = [each["ClientRequestToken"] for each in reversed(events)]
    assert tokens == ["first"] * 4 + ["second"] * 5


def test_a_protected_stack_is_not_deleted(cloudformation: Any) -> None:
    cloudformation.create_stack(StackName="q", TemplateBody=QUEUE)
    cloudformation.update_termination_protection(StackName="q", EnableTerminationProtection=True)
    assert _refusal(cloudformation.delete_stack, StackName="q")[0] == "ValidationError"
    cloudformation.update_termination_protection(StackName="q", EnableTerminationProtection=False)
    cloudformation.delete_stack(StackName="q")
    assert _refusal(cloudformation.describe_stacks, StackName="q")[0] == "ValidationError"


def test_who_imports_an_export_is_listed(cloudformation: Any) -> None:
    exports = f"{QUEUE}\nOutputs: {{A: {{Value: !Ref Q, Export: {{Name: queue}}}}}}"
    imports = "Resources: {Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !ImportValue queue}}}"
    imports = imports.replace("QueueName: !ImportValue queue", "Tags: [{Key: of, Value: !ImportValue queue}]")
    cloudformation.create_stack(StackName="exporting", TemplateBody=exports)
    code, message = _refusal(cloudformation.list_imports, ExportName="queue")
    assert (code, message) == ("ValidationError", "Export 'queue' is not imported by any stack.")
    cloudformation.create_stack(StackName="importing", TemplateBody=imports)
    assert cloudformation.list_imports(ExportName="queue")["Imports"] == ["importing"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("DelaySeconds: 1", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "UPDATE_COMPLETE"]),
        (
            "Nope: 1",
            [
                "UPDATE_IN_PROGRESS",
                "UPDATE_ROLLBACK_IN_PROGRESS",
                "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
                "UPDATE_ROLLBACK_COMPLETE",
            ],
        ),
    ],
    ids=["succeeds", "fails"],
)
def test_an_update_goes_through_the_states_of_aws(cloudformation: Any, change: str, expected: list[str]) -> None:
    cloudformation.create_stack(StackName="q", TemplateBody=QUEUE)
    cloudformation.update_stack(
        StackName="q", TemplateBody=QUEUE.replace("Queue}", f"Queue, Properties: {{{change}}}}}")
    )
    events = cloudformation.describe_stack_events(StackName="q")["StackEvents"]
    seen = [each["ResourceStatus"] for each in reversed(events) if each["LogicalResourceId"] == "q"]
    assert seen == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE", *expected]
    [stack] = cloudformation.describe_stacks(StackName="q")["Stacks"]
    assert stack["LastUpdatedTime"] >= stack["CreationTime"]
