"""AWS::MemoryDB::User, ACL, SubnetGroup and Cluster; the controller makes the cluster's endpoint true."""

from infrastructure.embedded.stacks.prepare import subnets_exist
from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, former, found, prop

_TAGS = Tags("TagResource", "UntagResource", {"ResourceArn": found("ARN")})


def _kind(noun: str, *, changes: tuple[Step, ...] = (), **more: object) -> ResourceType:
    """What all of them have in common: their calls are called after them."""
    return ResourceType(
        f"AWS::MemoryDB::{noun}",
        "memorydb",
        name=f"{noun}Name",
        key={f"{noun}Name": REF},
        create=Step(f"Create{noun}"),
        describe=Step(f"Describe{noun}s"),
        item=f"{noun}s",
        changes=changes,
        tags=_TAGS,
        delete=Step(f"Delete{noun}"),
        **more,  # type: ignore[arg-type]  # names of the class's own fields
    )


TYPES = (
    _kind("User", attributes={"Arn": "ARN", "Status": "Status"}, changes=(Step("UpdateUser"),)),
    _kind(
        "ACL",
        attributes={"Arn": "ARN", "Status": "Status"},
        changes=(
            Step(
                "UpdateACL",
                ("UserNames",),
                {"UserNamesToAdd": prop("UserNames"), "UserNamesToRemove": former("UserNames")},
            ),
        ),
    ),
    _kind("SubnetGroup", attributes={"ARN": "ARN"}, prepare=subnets_exist),
    _kind(
        "Cluster",
        attributes={
            "ARN": "ARN",
            "ClusterEndpoint.Address": "ClusterEndpoint.Address",
            "ClusterEndpoint.Port": "ClusterEndpoint.Port",
            "Status": "Status",
        },
        changes=(Step("UpdateCluster"),),
    ),
)
