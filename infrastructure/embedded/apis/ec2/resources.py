"""AWS::EC2::SecurityGroupIngress and SecurityGroupEgress: a rule of a group that exists by itself."""

from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource, changes


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
        """A rule has no identity but what it allows: only what is said of it changes in place, as on AWS."""
        if changes(self.properties, properties) == ("Description",):
            self._describe(api, properties.get("Description"))
            return type(self)(self.physical_resource_id, properties, self.attributes)
        return type(self).create(api, "", properties)

    def _describe(self, api: Api, description: str | None) -> None:
        """By hand: moto's calls change no description of a group's or a prefix list's rule, and take none away."""
        groups = (group for network in api.backend("ec2").groups.values() for group in network.values())
        found = (group.get_rule(self.physical_resource_id) for group in groups)
        rule = next((rule for rule in found if rule is not None), None)
        if rule is None:
            raise Refused(f"the rule {self.physical_resource_id} does not exist any more")
        peer = rule.ip_range or rule.source_group or rule.prefix_list_id
        peer.pop("Description", None)
        if description is not None:
            peer["Description"] = description

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
