"""AWS::IAM: Role, User, Policy, InstanceProfile and AccessKey."""

from infrastructure.embedded.stacks.resource_type import ITEM, REF, Each, ResourceType, Step, Tags, item, prop


def _policies(noun: str) -> tuple[Each, ...]:
    """What a role or user is allowed, inline and by managed policies; neither may be left when it is deleted."""
    who = {f"{noun}Name": REF}
    inline = {**who, "PolicyName": item("PolicyName")}
    document = {"PolicyDocument": item("PolicyDocument")}
    managed = (f"Attach{noun}Policy", f"Detach{noun}Policy", {**who, "PolicyArn": ITEM})
    return (
        Each("Policies", f"Put{noun}Policy", f"Delete{noun}Policy", inline, adds=document, is_removed_first=True),
        Each("ManagedPolicyArns", *managed, is_removed_first=True),
    )


def _principal(noun: str, changes: tuple[Step, ...] = (), elements: tuple[Each, ...] = ()) -> ResourceType:
    who = {f"{noun}Name": REF}
    return ResourceType(
        f"AWS::IAM::{noun}",
        "iam",
        name=f"{noun}Name",
        create=Step(f"Create{noun}"),
        describe=Step(f"Get{noun}", who),
        item=noun,
        attributes={"Arn": "Arn", **({"RoleId": "RoleId"} if noun == "Role" else {})},
        changes=changes,
        elements=(*_policies(noun), *elements),
        tags=Tags(f"Tag{noun}", f"Untag{noun}", who),
        delete=Step(f"Delete{noun}", who),
    )


def _holders(noun: str) -> Each:
    """Whom a policy is given to."""
    where = {f"{noun}Name": ITEM, "PolicyName": prop("PolicyName")}
    return Each(
        f"{noun}s",
        f"Put{noun}Policy",
        f"Delete{noun}Policy",
        where,
        adds={"PolicyDocument": prop("PolicyDocument")},
        again=("PolicyDocument",),
        is_removed_first=True,
    )


TYPES = (
    _principal(
        "Role",
        changes=(
            Step(
                "UpdateAssumeRolePolicy",
                {"RoleName": REF, "PolicyDocument": prop("AssumeRolePolicyDocument")},
                ("AssumeRolePolicyDocument",),
            ),
            Step("UpdateRole", {"RoleName": REF}, ("Description", "MaxSessionDuration"), whole=True),
        ),
    ),
    _principal(
        "User",
        elements=(
            Each(
                "Groups",
                "AddUserToGroup",
                "RemoveUserFromGroup",
                {"UserName": REF, "GroupName": ITEM},
                is_removed_first=True,
            ),
        ),
    ),
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
        create=Step("CreateInstanceProfile"),
        describe=Step("GetInstanceProfile", {"InstanceProfileName": REF}),
        item="InstanceProfile",
        attributes={"Arn": "Arn"},
        elements=(
            Each(
                "Roles",
                "AddRoleToInstanceProfile",
                "RemoveRoleFromInstanceProfile",
                {"InstanceProfileName": REF, "RoleName": ITEM},
                is_removed_first=True,
            ),
        ),
        delete=Step("DeleteInstanceProfile", {"InstanceProfileName": REF}),
    ),
    ResourceType(
        "AWS::IAM::AccessKey",
        "iam",
        create=Step("CreateAccessKey"),
        ref="AccessKey.AccessKeyId",
        changes=(Step("UpdateAccessKey", {"UserName": prop("UserName"), "AccessKeyId": REF}, ("Status",)),),
        delete=Step("DeleteAccessKey", {"UserName": prop("UserName"), "AccessKeyId": REF}),
    ),
)
