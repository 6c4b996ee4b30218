"""AWS::Redshift::ClusterSubnetGroup and Cluster; the controller makes the cluster's endpoint true."""

from collections.abc import Callable
from typing import Any

from infrastructure.embedded.stacks.prepare import subnets_exist
from infrastructure.embedded.stacks.resource_type import REF, ResourceType, Step, Tags, former, prop

_ON_MODIFY = (
    "AllowVersionUpgrade",
    "AutomatedSnapshotRetentionPeriod",
    "ClusterParameterGroupName",
    "EnhancedVpcRouting",
    "ManageMasterPassword",
    "MasterUserPassword",
    "PreferredMaintenanceWindow",
    "PubliclyAccessible",
    "VpcSecurityGroupIds",
)


_NO_SNAPSHOT = {"SkipFinalClusterSnapshot": True}


def _kind(noun: str, member: str, **more: Any) -> ResourceType:
    """What both have in common: their calls are called after them, and the API knows them in small letters."""
    return ResourceType(
        f"AWS::Redshift::{noun}",
        "redshift",
        name=member,
        is_lower_case=True,
        key={member: REF},
        create=Step(f"Create{noun}"),
        describe=Step(f"Describe{noun}s"),
        item=f"{noun}s",
        # Their ARNs are in no output; of one the API reads the kind and the name.
        tags=Tags(
            "CreateTags", "DeleteTags", {"ResourceName": _arn(noun.removeprefix("Cluster").lower() or "cluster")}
        ),
        delete=Step(f"Delete{noun}", where=more.pop("final", {})),
        **more,
    )


def _arn(kind: str) -> Callable[[str], str]:
    return lambda name: f"arn:aws:redshift:::{kind}:{name}"


TYPES = (
    _kind(
        "ClusterSubnetGroup",
        "ClusterSubnetGroupName",
        prepare=subnets_exist,
        changes=(Step("ModifyClusterSubnetGroup", ("Description", "SubnetIds"), whole=True),),
    ),
    _kind(
        "Cluster",
        "ClusterIdentifier",
        attributes={
            "ClusterNamespaceArn": "ClusterNamespaceArn",
            "Endpoint.Address": "Endpoint.Address",
            "Endpoint.Port": "Endpoint.Port",
            "MasterPasswordSecretArn": "MasterPasswordSecretArn",
        },
        changes=(
            Step("ModifyCluster", _ON_MODIFY),
            Step(
                "ModifyClusterIamRoles",
                ("IamRoles",),
                {"AddIamRoles": prop("IamRoles"), "RemoveIamRoles": former("IamRoles")},
            ),
        ),
        final=_NO_SNAPSHOT,
    ),
)
