"""AWS's own policies can be attached, read and detached like one's own; what is none of them is refused."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control

NODE = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
SERVICE = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


@pytest.mark.parametrize("arn", [NODE, SERVICE], ids=["plain", "with-a-path"])
def test_a_policy_of_aws_is_attached_and_read(arn: str) -> None:
    call = Control().backends.operations.call
    call("iam", "CreateRole", RoleName="r", AssumeRolePolicyDocument="{}")
    call("iam", "AttachRolePolicy", RoleName="r", PolicyArn=arn)
    listed = call("iam", "ListAttachedRolePolicies", RoleName="r")
    assert arn in str(_plain(listed))
    assert call("iam", "GetPolicy", PolicyArn=arn)["Policy"].arn == arn
    call("iam", "DetachRolePolicy", RoleName="r", PolicyArn=arn)
    assert arn not in str(_plain(call("iam", "ListAttachedRolePolicies", RoleName="r")))


@pytest.mark.parametrize(
    "arn",
    ["arn:aws:iam::aws:policy/NoSuchPolicy", "arn:aws:iam::aws:policy/AWSLambdaBasicExecutionRole"],
    ids=["unknown", "other-path"],
)
def test_what_aws_does_not_have_is_refused(arn: str) -> None:
    with pytest.raises(Exception, match="not found"):
        Control().backends.operations.call("iam", "GetPolicy", PolicyArn=arn)


def _plain(output: Any) -> list[Any]:
    """moto's own objects, by their ARNs."""
    return [getattr(each, "arn", each) for each in output["AttachedPolicies"]]
