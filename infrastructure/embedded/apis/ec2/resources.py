"""AWS::EC2: the network, its security groups with their rules, addresses and launch templates."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import (
    REF,
    Each,
    Members,
    Properties,
    ResourceType,
    Step,
    Tags,
    att,
    prop,
)

_TAGS = Tags("CreateTags", "DeleteTags", {"Resources": REF})
_EVERYTHING = {"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}
"""The egress rule that a group has by itself, until a template lists others."""
_ROUTE = ("RouteTableId", "DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
"""What tells one route from another."""


def permission_of(rule: Properties) -> dict[str, Any]:
    """A template's rule as EC2's IpPermission; ingress names its source, egress its destination."""
    permission: dict[str, Any] = {"IpProtocol": str(rule["IpProtocol"])}
    permission |= {name: int(rule[name]) for name in ("FromPort", "ToPort") if name in rule}
    noted = {"Description": rule["Description"]} if "Description" in rule else {}
    for member, peer, names in (
        ("IpRanges", "CidrIp", ("CidrIp",)),
        ("Ipv6Ranges", "CidrIpv6", ("CidrIpv6",)),
        ("UserIdGroupPairs", "GroupId", ("DestinationSecurityGroupId", "SourceSecurityGroupId")),
        ("PrefixListIds", "PrefixListId", ("DestinationPrefixListId", "SourcePrefixListId")),
    ):
        permission.update((member, [{peer: rule[name], **noted}]) for name in names if rule.get(name))
    return permission


def _permissions(rule: Properties) -> Members:
    return {"IpPermissions": [permission_of(rule)]}


def _rule(direction: str) -> ResourceType:
    """A rule that exists by itself: it has no identity but what it allows, so only its description changes in place."""
    return ResourceType(
        f"AWS::EC2::SecurityGroup{direction}",
        "ec2",
        key={"GroupId": prop("GroupId"), "SecurityGroupRuleId": REF},
        create=Step(f"AuthorizeSecurityGroup{direction}", where={"GroupId": prop("GroupId")}, shape=_permissions),
        ref="SecurityGroupRules.SecurityGroupRuleId",
        attributes={"Id": REF},
        changes=(
            Step(
                f"UpdateSecurityGroupRuleDescriptions{direction}",
                ("Description",),
                {"SecurityGroupRuleDescriptions": [{"SecurityGroupRuleId": REF, "Description": prop("Description")}]},
                defaults={"Description": ""},
            ),
        ),
        delete=Step(f"RevokeSecurityGroup{direction}"),
    )


def _rules(direction: str, *initially: Properties) -> Each:
    name = f"SecurityGroup{direction}"
    return Each(name, f"Authorize{name}", f"Revoke{name}", {}, shape=_permissions, initially=initially)


def _simple(noun: str, **more: Any) -> ResourceType:
    """A type whose calls are all called after it, and whose id is an attribute."""
    member = f"{noun}Id"
    attributes = {more.pop("id", member): REF, **more.pop("attributes", {})}
    return ResourceType(
        f"AWS::EC2::{more.pop('kind', noun)}",
        "ec2",
        key={member: REF},
        create=Step(f"Create{noun}"),
        ref=f"{noun}.{member}",
        describe=Step(f"Describe{noun}s"),
        item=f"{noun}s",
        attributes=attributes,
        **{"tags": _TAGS, "delete": Step(f"Delete{noun}"), **more},
    )


def _switch(action: str, name: str, *, default: bool = False) -> Step:
    """An attribute that is on or off; a call sets one of them."""
    return Step(action, (name,), {name: {"Value": prop(name)}}, is_setting=True, defaults={name: default})


TYPES = (
    _simple(
        "Vpc",
        kind="VPC",
        attributes={"CidrBlock": "CidrBlock"},
        changes=(
            _switch("ModifyVpcAttribute", "EnableDnsSupport", default=True),
            _switch("ModifyVpcAttribute", "EnableDnsHostnames"),
        ),
    ),
    _simple(
        "Subnet",
        attributes={name: name for name in ("AvailabilityZone", "CidrBlock", "VpcId")},
        changes=(_switch("ModifySubnetAttribute", "MapPublicIpOnLaunch"),),
    ),
    _simple("InternetGateway"),
    _simple("RouteTable"),
    _simple("NatGateway", gone={"State": "deleted"}),
    _simple(
        "NetworkInterface",
        id="Id",
        attributes={"PrimaryPrivateIpAddress": "PrivateIpAddress"},
        rename={"GroupSet": "Groups"},
    ),
    _simple("VpcEndpoint", kind="VPCEndpoint", id="Id", delete=Step("DeleteVpcEndpoints"), gone={"State": "deleted"}),
    ResourceType(
        "AWS::EC2::VPCGatewayAttachment",
        "ec2",
        key={name: prop(name) for name in ("InternetGatewayId", "VpcId")},
        create=Step("AttachInternetGateway"),
        ref=lambda _, properties: f"IGW|{properties['VpcId']}",
        attributes={"AttachmentType": lambda _: "IGW"},
        delete=Step("DetachInternetGateway"),
    ),
    ResourceType(
        "AWS::EC2::Route",
        "ec2",
        key={name: prop(name) for name in _ROUTE},
        create=Step("CreateRoute"),
        ref=lambda _, properties: "|".join(str(properties[name]) for name in _ROUTE if name in properties),
        attributes={"CidrBlock": lambda ref: ref.partition("|")[2]},
        changes=(Step("ReplaceRoute"),),
        delete=Step("DeleteRoute"),
    ),
    ResourceType(
        "AWS::EC2::SubnetRouteTableAssociation",
        "ec2",
        key={"AssociationId": REF},
        create=Step("AssociateRouteTable"),
        ref="AssociationId",
        attributes={"Id": REF},
        delete=Step("DisassociateRouteTable"),
    ),
    ResourceType(
        "AWS::EC2::EIP",
        "ec2",
        create=Step("AllocateAddress"),
        ref="PublicIp",
        describe=Step("DescribeAddresses", where={"PublicIps": REF}),
        item="Addresses",
        attributes={"AllocationId": "AllocationId", "PublicIp": REF},
        tags=Tags("CreateTags", "DeleteTags", {"Resources": att("AllocationId")}),
        delete=Step("ReleaseAddress", where={"AllocationId": att("AllocationId")}),
    ),
    ResourceType(
        "AWS::EC2::SecurityGroup",
        "ec2",
        name="GroupName",
        key={"GroupId": REF},
        create=Step("CreateSecurityGroup"),
        rename={"GroupDescription": "Description"},
        ref="GroupId",
        describe=Step("DescribeSecurityGroups"),
        item="SecurityGroups",
        attributes={"GroupId": REF, "Id": REF, "VpcId": "VpcId"},
        elements=(_rules("Ingress"), _rules("Egress", _EVERYTHING)),
        tags=_TAGS,
        delete=Step("DeleteSecurityGroup"),
    ),
    _rule("Ingress"),
    _rule("Egress"),
    _simple(
        "LaunchTemplate",
        name="LaunchTemplateName",
        attributes={name: name for name in ("DefaultVersionNumber", "LatestVersionNumber")},
        changes=(Step("CreateLaunchTemplateVersion", ("LaunchTemplateData", "VersionDescription"), whole=True),),
        tags=None,
    ),
)
