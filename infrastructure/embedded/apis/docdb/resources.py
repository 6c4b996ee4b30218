"""AWS::DocDB::DBSubnetGroup, DBClusterParameterGroup, DBCluster, DBInstance; the controller runs what they describe.

Subnet groups and cluster parameter groups are RDS' own records, as on AWS.
"""

from typing import Any

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.stacks.prepare import secrets_resolved
from infrastructure.embedded.stacks.resource_type import REF, Members, Properties, ResourceType, Step, Tags, found

_NOW = {"ApplyImmediately": True}
_ON_MODIFY_CLUSTER = (
    "MasterUserPassword",
    "BackupRetentionPeriod",
    "CopyTagsToSnapshot",
    "DBClusterParameterGroupName",
    "DeletionProtection",
)
_ON_MODIFY_INSTANCE = ("AutoMinorVersionUpgrade", "DBInstanceClass")


def _parameters(properties: Properties) -> Members:
    listed = [
        {"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
        for name, value in properties["Parameters"].items()
    ]
    return {"Parameters": listed}


def _is_member(call: CallApi, name: str, properties: Properties) -> bool:
    """Whether the instance is a member of its cluster yet."""
    try:
        listed = call("docdb", "DescribeDBClusters", DBClusterIdentifier=properties["DBClusterIdentifier"])[
            "DBClusters"
        ]
    except ApiError:
        return False
    return any(member["DBInstanceIdentifier"] == name for each in listed for member in each["DBClusterMembers"])


def _type(noun: str, api: str, member: str, **more: Any) -> ResourceType:
    """What all have in common: a name in small letters, which is Ref, and calls that are called after them."""
    return ResourceType(
        f"AWS::DocDB::{noun}",
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


_ENGINE = {"Engine": "docdb"}

TYPES = (
    _type(
        "DBSubnetGroup",
        "rds",
        "DBSubnetGroupName",
        changes=(Step("ModifyDBSubnetGroup", ("DBSubnetGroupDescription", "SubnetIds"), whole=True),),
    ),
    _type(
        "DBClusterParameterGroup",
        "rds",
        "DBClusterParameterGroupName",
        name="Name",
        changes=(Step("ModifyDBClusterParameterGroup", ("Parameters",), is_setting=True, shape=_parameters),),
        rename={"Family": "DBParameterGroupFamily", "Name": "DBClusterParameterGroupName"},
    ),
    _type(
        "DBCluster",
        "docdb",
        "DBClusterIdentifier",
        create=_ENGINE,
        prepare=secrets_resolved,
        attributes={
            "ClusterResourceId": "DbClusterResourceId",
            "Endpoint": "Endpoint",
            "Port": "Port",
            "ReadEndpoint": "ReaderEndpoint",
        },
        changes=(Step("ModifyDBCluster", _ON_MODIFY_CLUSTER, _NOW),),
        final={"SkipFinalSnapshot": True},
    ),
    _type(
        "DBInstance",
        "docdb",
        "DBInstanceIdentifier",
        create=_ENGINE,
        attributes={"Endpoint": "Endpoint.Address", "Port": "Endpoint.Port"},
        changes=(Step("ModifyDBInstance", _ON_MODIFY_INSTANCE, _NOW),),
        is_still_there=_is_member,
    ),
)
