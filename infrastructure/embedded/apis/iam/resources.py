"""AWS::IAM: Role, User, Policy, InstanceProfile and AccessKey."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import ITEM, REF, Each, Members, ResourceType, Step, Tags, item, prop


def _each(on: str, add: str, remove: str, where: Members, adds: Members | None = None, **more: Any) -> Each:
    """IAM deletes nothing that has something attached."""
    return Each(on, add, remove, where, adds=adds or {}, is_removed_first=True, **more)


def _principal(noun: str, *elements: Each, **more: Any) -> ResourceType:
    """Who may be allowed something, by inline and managed policies."""
    document = {"PolicyDocument": item("PolicyDocument")}
    managed = (f"Attach{noun}Policy", f"Detach{noun}Policy", {"PolicyArn": ITEM})
    return ResourceType(
        f"AWS::IAM::{noun}",
        "iam",
        name=f"{noun}Name",
        key={f"{noun}Name": REF},
        create=Step(f"Create{noun}"),
        describe=Step(f"Get{noun}"),
        item=noun,
        attributes={"Arn": "Arn", **more.pop("attributes", {})},
        elements=(
            _each("Policies", f"Put{noun}Policy", f"Delete{noun}Policy", {"PolicyName": item("PolicyName")}, document),
            _each("ManagedPolicyArns", *managed),
            *elements,
        ),
        tags=Tags(f"Tag{noun}", f"Untag{noun}", {f"{noun}Name": REF}),
        delete=Step(f"Delete{noun}"),
        **more,
    )


def _holders(noun: str) -> Each:
    """Whom a policy is given to."""
    where = {f"{noun}Name": ITEM, "PolicyName": prop("PolicyName")}
    document = {"PolicyDocument": prop("PolicyDocument")}
    actions = (f"Put{noun}Policy", f"Delete{noun}Policy")
    return _each(f"{noun}s", *actions, where, document, again=("PolicyDocument",))


TYPES = (
    _principal(
        "Role",
        attributes={"RoleId": "RoleId"},
        changes=(
            Step(
                "UpdateAssumeRolePolicy",
                ("AssumeRolePolicyDocument",),
                {"PolicyDocument": prop("AssumeRolePolicyDocument")},
            ),
            Step("UpdateRole", ("Description", "MaxSessionDuration"), whole=True),
        ),
    ),
    _principal("User", _each("Groups", "AddUserToGroup", "RemoveUserFromGroup", {"GroupName": ITEM})),
    ResourceType(
        "AWS::IAM::Policy",
        "iam",
        attributes={"Id": REF},
        elements=tuple(_holders(noun) for noun in ("Role", "User", "Group")),
    ),
    ResourceType(
        "AWS::IAM::InstanceProfile",
        "iam",
        name="InstanceProfileName",
        key={"InstanceProfileName": REF},
        create=Step("CreateInstanceProfile"),
        describe=Step("GetInstanceProfile"),
        item="InstanceProfile",
        attributes={"Arn": "Arn"},
        elements=(_each("Roles", "AddRoleToInstanceProfile", "RemoveRoleFromInstanceProfile", {"RoleName": ITEM}),),
        delete=Step("DeleteInstanceProfile"),
    ),
    ResourceType(
        "AWS::IAM::AccessKey",
        "iam",
        key={"UserName": prop("UserName"), "AccessKeyId": REF},
        create=Step("CreateAccessKey"),
        ref="AccessKey.AccessKeyId",
        changes=(Step("UpdateAccessKey", ("Status",)),),
        delete=Step("DeleteAccessKey"),
    ),
)
