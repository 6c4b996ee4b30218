"""AWS::EC2::SecurityGroupIngress and SecurityGroupEgress: a rule of a group that exists by itself."""

from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.cloudformation.resource import Api, Properties, Resource


class _Rule(Resource):
    DIRECTION: ClassVar[str]
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id"})
    IS_REPLACED: ClassVar[bool] = True

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        del name
        permissions = [permission_of(properties)]
        action = f"AuthorizeSecurityGroup{cls.DIRECTION}"
        made = api("ec2", action, GroupId=properties["GroupId"], IpPermissions=permissions)["SecurityGroupRules"]
        identifier = str(made[0].id)
        return cls(identifier, properties, {"Id": identifier})

    def update(self, api: Api, properties: Properties) -> Resource:
        """A rule has no identity but what it allows."""
        return type(self).create(api, "", properties)

    def delete(self, api: Api) -> None:
        group = self.properties["GroupId"]
        if any(group in groups for groups in api.backend("ec2").groups.values()):
            action = f"RevokeSecurityGroup{self.DIRECTION}"
            api("ec2", action, GroupId=group, IpPermissions=[permission_of(self.properties)])


class SecurityGroupIngress(_Rule, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """A way into a group; moto has this type, but forgets it when the stack goes."""

    TYPE: ClassVar[str] = "AWS::EC2::SecurityGroupIngress"
    DIRECTION: ClassVar[str] = "Ingress"


class SecurityGroupEgress(_Rule, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """A way out of a group."""

    TYPE: ClassVar[str] = "AWS::EC2::SecurityGroupEgress"
    DIRECTION: ClassVar[str] = "Egress"


def permission_of(properties: Properties) -> dict[str, Any]:
    """A template's rule as EC2's IpPermission; ingress names its source, egress its destination."""
    permission: dict[str, Any] = {"IpProtocol": str(properties["IpProtocol"])}
    permission |= {name: int(properties[name]) for name in ("FromPort", "ToPort") if name in properties}
    noted = {"Description": properties["Description"]} if "Description" in properties else {}
    if "CidrIp" in properties:
        permission["IpRanges"] = [{"CidrIp": properties["CidrIp"], **noted}]
    if "CidrIpv6" in properties:
        permission["Ipv6Ranges"] = [{"CidrIpv6": properties["CidrIpv6"], **noted}]
    peer = properties.get("DestinationSecurityGroupId") or properties.get("SourceSecurityGroupId")
    if peer:
        permission["UserIdGroupPairs"] = [{"GroupId": peer, **noted}]
    prefix_list = properties.get("DestinationPrefixListId") or properties.get("SourcePrefixListId")
    if prefix_list:
        permission["PrefixListIds"] = [{"PrefixListId": prefix_list, **noted}]
    return permission
