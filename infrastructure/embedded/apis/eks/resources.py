"""AWS::EKS::Cluster, Nodegroup, AccessEntry, Addon and PodIdentityAssociation.

A stack waits until the controller has made clusters and node groups active.
"""

from infrastructure.embedded.stacks.resource_type import (
    REF,
    Each,
    Members,
    Properties,
    ResourceType,
    Step,
    Tags,
    att,
    item,
    prop,
)

_ACTIVE = {"status": "ACTIVE"}


def _tags(arn: str) -> Tags:
    return Tags("TagResource", "UntagResource", {"resourceArn": att(arn)})


def _first(ref: str) -> str:
    """What comes first in a Ref of two parts: `cluster/group`, `principal|cluster`."""
    return ref.partition("|" if "|" in ref else "/")[0]


def _second(ref: str) -> str:
    return ref.rpartition("|" if "|" in ref else "/")[2]


def _identity(ref: str) -> str:
    """The end of an ARN."""
    return ref.rpartition("/")[2]


def _pair(first: str, second: str) -> str:
    return f"{first}|{second}"


def _group_ref(_output: Members, given: Properties) -> str:
    return f"{given['ClusterName']}/{given['NodegroupName']}"


TYPES = (
    ResourceType(
        "AWS::EKS::Cluster",
        "eks",
        name="Name",
        key={"name": REF},
        create=Step("CreateCluster"),
        describe=Step("DescribeCluster"),
        item="cluster",
        rest=_ACTIVE,
        attributes={
            "Arn": "arn",
            "Endpoint": "endpoint",
            "CertificateAuthorityData": "certificateAuthority.data",
            "ClusterSecurityGroupId": "resourcesVpcConfig.clusterSecurityGroupId",
            "Id": REF,
        },
        tags=_tags("Arn"),
        delete=Step("DeleteCluster"),
    ),
    ResourceType(
        "AWS::EKS::Nodegroup",
        "eks",
        name="NodegroupName",
        key={"clusterName": _first, "nodegroupName": _second},
        create=Step("CreateNodegroup"),
        ref=_group_ref,
        describe=Step("DescribeNodegroup"),
        item="nodegroup",
        rest=_ACTIVE,
        attributes={"Arn": "nodegroupArn", "ClusterName": _first, "NodegroupName": _second, "Id": REF},
        changes=(Step("UpdateNodegroupConfig", ("ScalingConfig",)),),
        tags=_tags("Arn"),
        delete=Step("DeleteNodegroup"),
    ),
    ResourceType(
        "AWS::EKS::AccessEntry",
        "eks",
        key={"principalArn": _first, "clusterName": _second},
        create=Step("CreateAccessEntry"),
        ref=lambda _output, given: _pair(given["PrincipalArn"], given["ClusterName"]),
        describe=Step("DescribeAccessEntry"),
        item="accessEntry",
        attributes={"AccessEntryArn": "accessEntryArn"},
        changes=(Step("UpdateAccessEntry", ("KubernetesGroups", "Username")),),
        elements=(
            Each(
                "AccessPolicies",
                "AssociateAccessPolicy",
                "DisassociateAccessPolicy",
                {"policyArn": item("PolicyArn")},
                adds={"accessScope": item("AccessScope")},
            ),
        ),
        tags=_tags("AccessEntryArn"),
        delete=Step("DeleteAccessEntry"),
    ),
    ResourceType(
        "AWS::EKS::Addon",
        "eks",
        key={"addonName": _first, "clusterName": _second},
        create=Step("CreateAddon"),
        ref=lambda _output, given: _pair(given["AddonName"], given["ClusterName"]),
        describe=Step("DescribeAddon"),
        item="addon",
        attributes={"Arn": "addonArn"},
        tags=_tags("Arn"),
        delete=Step("DeleteAddon"),
    ),
    ResourceType(
        "AWS::EKS::PodIdentityAssociation",
        "eks",
        key={"clusterName": prop("ClusterName"), "associationId": _identity},
        create=Step("CreatePodIdentityAssociation"),
        ref="association.associationArn",
        describe=Step("DescribePodIdentityAssociation"),
        item="association",
        attributes={"AssociationArn": REF, "AssociationId": "associationId"},
        changes=(Step("UpdatePodIdentityAssociation", ("RoleArn", "DisableSessionTags")),),
        tags=_tags("AssociationArn"),
        delete=Step("DeletePodIdentityAssociation"),
    ),
)
