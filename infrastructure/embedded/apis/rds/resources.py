"""AWS::RDS::DBSubnetGroup, DBClusterParameterGroup, DBCluster, DBInstance; the controller runs what they describe."""

from typing import Any

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import ApiError, Refused
from infrastructure.embedded.stacks.resource_type import REF, Members, Properties, ResourceType, Step, Tags, found

_NO_SNAPSHOT = {"SkipFinalSnapshot": True}
_NOW = {"ApplyImmediately": True}
_ON_MODIFY_CLUSTER = (
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBClusterParameterGroupName",
    "DeletionProtection",
)
_ON_MODIFY_INSTANCE = ("AutoMinorVersionUpgrade", "DBInstanceClass", "PromotionTier", "PubliclyAccessible")


def _parameters(properties: Properties) -> Members:
    listed = [
        {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
        for name, value in properties["Parameters"].items()
    ]
    return {"Parameters": listed}


def _of_aurora(_call: CallApi, properties: Properties, _changed: frozenset[str]) -> Properties:
    if "DBClusterIdentifier" not in properties:
        raise Refused("AWS::RDS::DBInstance: the embedded cloud runs the instances of Aurora clusters only")
    return properties


def _is_member(call: CallApi, name: str, properties: Properties) -> bool:
    """Whether the instance is a member of its cluster yet."""
    try:
        found = call("rds", "DescribeDBClusters", DBClusterIdentifier=properties["DBClusterIdentifier"])["DBClusters"]
    except ApiError:
        return False
    return any(member["DBInstanceIdentifier"] == name for each in found for member in each["DBClusterMembers"])


def _type(noun: str, member: str, **more: Any) -> ResourceType:
    """What all have in common: a name in small letters, which is Ref, and calls that are called after them."""
    return ResourceType(
        f"AWS::RDS::{noun}",
        "rds",
        name=member,
        is_lower_case=True,
        key={member: REF},
        create=Step(f"Create{noun}"),
        describe=Step(f"Describe{noun}s"),
        item=f"{noun}s",
        tags=Tags("AddTagsToResource", "RemoveTagsFromResource", {"ResourceName": found(f"{noun}Arn")}),
        delete=Step(f"Delete{noun}", where=more.pop("final", {})),
        **more,
    )


TYPES = (
    _type(
        "DBSubnetGroup",
        "DBSubnetGroupName",
        changes=(Step("ModifyDBSubnetGroup", ("DBSubnetGroupDescription", "SubnetIds"), whole=True),),
    ),
    _type(
        "DBClusterParameterGroup",
        "DBClusterParameterGroupName",
        changes=(Step("ModifyDBClusterParameterGroup", ("Parameters",), is_setting=True, shape=_parameters),),
        rename={"Family": "DBParameterGroupFamily"},
    ),
    _type(
        "DBCluster",
        "DBClusterIdentifier",
        attributes={
            "DBClusterArn": "DBClusterArn",
            "DBClusterResourceId": "DbClusterResourceId",
            "Endpoint.Address": "Endpoint",
            "Endpoint.Port": "Port",
            "MasterUserSecret.SecretArn": "MasterUserSecret.SecretArn",
            "ReadEndpoint.Address": "ReaderEndpoint",
        },
        changes=(Step("ModifyDBCluster", _ON_MODIFY_CLUSTER, _NOW),),
        final=_NO_SNAPSHOT,
    ),
    _type(
        "DBInstance",
        "DBInstanceIdentifier",
        prepare=_of_aurora,
        attributes={name: name for name in ("DBInstanceArn", "Endpoint.Address", "Endpoint.Port")},
        changes=(Step("ModifyDBInstance", _ON_MODIFY_INSTANCE, _NOW),),
        rename={"VPCSecurityGroups": "VpcSecurityGroupIds"},
        is_still_there=_is_member,
        final=_NO_SNAPSHOT,
    ),
)
