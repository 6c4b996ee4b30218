"""AWS::ElasticLoadBalancingV2: LoadBalancer, TargetGroup, Listener, ListenerRule; attributes, tags, full names."""

from collections.abc import Iterable
from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Resource, require_only


class LoadBalancer(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its ARN."""

    TYPE: ClassVar[str] = "AWS::ElasticLoadBalancingV2::LoadBalancer"
    NAME: ClassVar[str] = "Name"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset(
        {
            "CanonicalHostedZoneID",
            "DNSName",
            "LoadBalancerArn",
            "LoadBalancerFullName",
            "LoadBalancerName",
            "SecurityGroups",
        }
    )

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = _without(properties, "LoadBalancerAttributes") | {"Name": name}
        wanted.setdefault("Type", "application")
        wanted.setdefault("Scheme", "internet-facing")
        made = api("elbv2", "CreateLoadBalancer", **wanted)["LoadBalancers"][0]
        attributes = {
            "CanonicalHostedZoneID": made.canonical_hosted_zone_id,
            "DNSName": made.dns_name,
            "LoadBalancerArn": made.arn,
            "LoadBalancerFullName": made.arn.partition(":loadbalancer/")[2],
            "LoadBalancerName": made.name,
            "SecurityGroups": made.security_groups,
        }
        return cls(made.arn, properties, attributes)

    def complete(self, api: Api) -> None:
        self._attribute(api, self.properties)

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, ("LoadBalancerAttributes", "SecurityGroups", "Tags"))
        arn = self.physical_resource_id
        if "SecurityGroups" in changed:
            api("elbv2", "SetSecurityGroups", LoadBalancerArn=arn, SecurityGroups=properties["SecurityGroups"])
        self._attribute(api, properties)
        _retag(api, arn, self.properties, properties)
        return type(self)(arn, properties, self.attributes)

    def delete(self, api: Api) -> None:
        api.backend("elbv2").load_balancers.pop(self.physical_resource_id, None)

    def _attribute(self, api: Api, properties: Properties) -> None:
        wanted = properties.get("LoadBalancerAttributes")
        if wanted:
            arn = self.physical_resource_id
            api("elbv2", "ModifyLoadBalancerAttributes", LoadBalancerArn=arn, Attributes=_texts(wanted))


class TargetGroup(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its ARN."""

    TYPE: ClassVar[str] = "AWS::ElasticLoadBalancingV2::TargetGroup"
    NAME: ClassVar[str] = "Name"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset(
        {"LoadBalancerArns", "TargetGroupArn", "TargetGroupFullName", "TargetGroupName"}
    )
    _HEALTH = (
        "HealthCheckEnabled",
        "HealthCheckIntervalSeconds",
        "HealthCheckPath",
        "HealthCheckPort",
        "HealthCheckProtocol",
        "HealthCheckTimeoutSeconds",
        "HealthyThresholdCount",
        "Matcher",
        "UnhealthyThresholdCount",
    )

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = _without(properties, "TargetGroupAttributes", "Targets") | {"Name": name}
        made = api("elbv2", "CreateTargetGroup", **wanted)["TargetGroups"][0]
        attributes = {
            "LoadBalancerArns": [],
            "TargetGroupArn": made.arn,
            "TargetGroupFullName": made.arn.rpartition(":")[2],
            "TargetGroupName": made.name,
        }
        return cls(made.arn, properties, attributes)

    def complete(self, api: Api) -> None:
        self._attribute(api, self.properties)
        if self.properties.get("Targets"):
            api(
                "elbv2",
                "RegisterTargets",
                TargetGroupArn=self.physical_resource_id,
                Targets=self.properties["Targets"],
            )

    def update(self, api: Api, properties: Properties) -> Resource:
        """As CloudFormation does, leave what the template no longer says as it was, but for the port of the checks."""
        changed = require_only(self, properties, (*self._HEALTH, "TargetGroupAttributes", "Tags"))
        health = {name: properties[name] for name in changed if name in self._HEALTH and name in properties}
        if "HealthCheckPort" in changed and "HealthCheckPort" not in properties:
            health["HealthCheckPort"] = "traffic-port"
        if health:
            api("elbv2", "ModifyTargetGroup", TargetGroupArn=self.physical_resource_id, **health)
        self._attribute(api, properties)
        _retag(api, self.physical_resource_id, self.properties, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        if self.physical_resource_id in api.backend("elbv2").target_groups:
            api("elbv2", "DeleteTargetGroup", TargetGroupArn=self.physical_resource_id)

    def _attribute(self, api: Api, properties: Properties) -> None:
        wanted = properties.get("TargetGroupAttributes")
        if wanted:
            arn = self.physical_resource_id
            api("elbv2", "ModifyTargetGroupAttributes", TargetGroupArn=arn, Attributes=_texts(wanted))


class Listener(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its ARN."""

    TYPE: ClassVar[str] = "AWS::ElasticLoadBalancingV2::Listener"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"ListenerArn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        del name
        made = api("elbv2", "CreateListener", **_without(properties, "ListenerAttributes"))["Listeners"][0]
        return cls(made.arn, properties, {"ListenerArn": made.arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(
            self, properties, ("Certificates", "DefaultActions", "Port", "Protocol", "SslPolicy", "Tags")
        )
        wanted = {name: properties[name] for name in changed if name in properties and name != "Tags"}
        if wanted:
            api("elbv2", "ModifyListener", ListenerArn=self.physical_resource_id, **wanted)
        _retag(api, self.physical_resource_id, self.properties, properties)
        return type(self)(self.physical_resource_id, properties, self.attributes)

    def delete(self, api: Api) -> None:
        for balancer in api.backend("elbv2").load_balancers.values():
            balancer.listeners.pop(self.physical_resource_id, None)


class ListenerRule(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its ARN."""

    TYPE: ClassVar[str] = "AWS::ElasticLoadBalancingV2::ListenerRule"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"IsDefault", "RuleArn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        del name
        wanted = {**properties, "Priority": int(properties["Priority"])}
        made = api("elbv2", "CreateRule", **wanted)["Rules"][0]
        return cls(made.arn, properties, {"IsDefault": False, "RuleArn": made.arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        changed = require_only(self, properties, ("Actions", "Conditions", "Priority", "Tags"))
        arn = self.physical_resource_id
        wanted = {name: properties[name] for name in changed if name in ("Actions", "Conditions")}
        if wanted:
            api("elbv2", "ModifyRule", RuleArn=arn, **wanted)
        if "Priority" in changed:
            api(
                "elbv2", "SetRulePriorities", RulePriorities=[{"RuleArn": arn, "Priority": int(properties["Priority"])}]
            )
        _retag(api, arn, self.properties, properties)
        return type(self)(arn, properties, self.attributes)

    def delete(self, api: Api) -> None:
        api.backend("elbv2").delete_rule(self.physical_resource_id)


def _without(properties: Properties, *names: str) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if name not in names}


def _texts(attributes: Iterable[Properties]) -> list[dict[str, str]]:
    return [{"Key": str(each["Key"]), "Value": str(each["Value"])} for each in attributes]


def _retag(api: Api, arn: str, before: Properties, after: Properties) -> None:
    if before.get("Tags") == after.get("Tags"):
        return
    gone = {tag["Key"] for tag in before.get("Tags", ())} - {tag["Key"] for tag in after.get("Tags", ())}
    if gone:
        api("elbv2", "RemoveTags", ResourceArns=[arn], TagKeys=sorted(gone))
    if after.get("Tags"):
        api("elbv2", "AddTags", ResourceArns=[arn], Tags=after["Tags"])
