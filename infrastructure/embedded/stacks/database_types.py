"""What the resource types of RDS and DocumentDB have in common: AWS has one control plane for both.

Subnet groups and cluster parameter groups are RDS's records whichever of the two a template has them of.
"""

from typing import Any

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.stacks.resource_type import REF, Members, Properties, ResourceType, Step, Tags, found

WITHOUT_SNAPSHOT = {"SkipFinalSnapshot": True}
_NOW = {"ApplyImmediately": True}
_ON_MODIFY_CLUSTER = (
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBClusterParameterGroupName",
    "DeletionProtection",
)
_ON_MODIFY_INSTANCE = ("AutoMinorVersionUpgrade", "DBInstanceClass")


def database_type(api: str, service: str, noun: str, **more: Any) -> ResourceType:
    """A name in small letters, which is Ref, and calls of `api` that are called after the noun.

    `create` and `final` are what the calls that create and delete need beside the properties; the rest are fields of
    `ResourceType`.
    """
    member = f"{noun}{_NAMES[noun]}"
    return ResourceType(
        f"AWS::{service}::{noun}",
        api,
        name=more.pop("name", member),
        is_lower_case=True,
        key={member: REF},
        create=Step(f"Create{noun}", where=more.pop("create", {})),
        describe=Step(f"Describe{noun}s"),
        item=f"{noun}s",
        tags=Tags("AddTagsToResource", "RemoveTagsFromResource", {"ResourceName": found(f"{noun}Arn")}),
        delete=Step(f"Delete{noun}", where=more.pop("final", {})),
        **more,
    )


_NAMES = {
    "DBCluster": "Identifier",
    "DBClusterParameterGroup": "Name",
    "DBInstance": "Identifier",
    "DBSubnetGroup": "Name",
}
"""How the member ends that tells which one is meant."""


def subnet_group(service: str) -> ResourceType:
    """`AWS::<service>::DBSubnetGroup`."""
    step = Step("ModifyDBSubnetGroup", ("DBSubnetGroupDescription", "SubnetIds"), whole=True)
    return database_type("rds", service, "DBSubnetGroup", changes=(step,))


def parameter_group(service: str, **more: Any) -> ResourceType:
    """`AWS::<service>::DBClusterParameterGroup`."""
    step = Step("ModifyDBClusterParameterGroup", ("Parameters",), is_setting=True, shape=_parameters)
    rename = {"Family": "DBParameterGroupFamily", **more.pop("rename", {})}
    return database_type("rds", service, "DBClusterParameterGroup", changes=(step,), rename=rename, **more)


def cluster(api: str, service: str, *changeable: str, **more: Any) -> ResourceType:
    """`AWS::<service>::DBCluster`, of which the properties that both have and those of `changeable` can change."""
    step = Step("ModifyDBCluster", (*_ON_MODIFY_CLUSTER, *changeable), _NOW)
    return database_type(api, service, "DBCluster", changes=(step,), final=WITHOUT_SNAPSHOT, **more)


def instance(api: str, service: str, *changeable: str, **more: Any) -> ResourceType:
    """`AWS::<service>::DBInstance`, likewise."""

    def is_member(call: CallApi, name: str, properties: Properties) -> bool:
        """Whether the instance is a member of its cluster yet."""
        try:
            listed = call(api, "DescribeDBClusters", DBClusterIdentifier=properties["DBClusterIdentifier"])
        except ApiError:
            return False
        return any(
            member["DBInstanceIdentifier"] == name
            for each in listed["DBClusters"]
            for member in each["DBClusterMembers"]
        )

    step = Step("ModifyDBInstance", (*_ON_MODIFY_INSTANCE, *changeable), _NOW)
    return database_type(api, service, "DBInstance", changes=(step,), is_still_there=is_member, **more)


def _parameters(properties: Properties) -> Members:
    listed = [
        {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
        for name, value in properties["Parameters"].items()
    ]
    return {"Parameters": listed}
