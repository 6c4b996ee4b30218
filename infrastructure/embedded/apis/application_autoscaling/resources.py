"""AWS::ApplicationAutoScaling::ScalableTarget and ScalingPolicy."""

from typing import Any, ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource, require_only

_PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")


class ScalableTarget(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives `resource id|dimension|namespace`, as on AWS."""

    TYPE: ClassVar[str] = "AWS::ApplicationAutoScaling::ScalableTarget"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Id"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        del name
        limits = {key: int(properties[key]) for key in ("MinCapacity", "MaxCapacity")}
        wanted = {key: properties.get(key) for key in (*_PLACE, "RoleARN", "SuspendedState")}
        api("applicationautoscaling", "RegisterScalableTarget", **wanted, **limits)
        identifier = "|".join(str(properties[key]) for key in ("ResourceId", "ScalableDimension", "ServiceNamespace"))
        return cls(identifier, properties, {"Id": identifier})

    def update(self, api: Api, properties: Properties) -> Resource:
        require_only(self, properties, ("MinCapacity", "MaxCapacity", "RoleARN", "SuspendedState"))
        return type(self).create(api, "", properties)

    def delete(self, api: Api) -> None:
        place = {name: self.properties[name] for name in _PLACE}
        targets = api.backend("applicationautoscaling").targets
        if place["ResourceId"] in targets.get(place["ScalableDimension"], {}):
            api("applicationautoscaling", "DeregisterScalableTarget", **place)


class ScalingPolicy(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Its target is named by `ScalingTargetId` (Ref of a ScalableTarget) or by its three parts."""

    TYPE: ClassVar[str] = "AWS::ApplicationAutoScaling::ScalingPolicy"
    NAME: ClassVar[str] = "PolicyName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = {
            "PolicyType": properties["PolicyType"],
            "StepScalingPolicyConfiguration": properties.get("StepScalingPolicyConfiguration"),
            "TargetTrackingScalingPolicyConfiguration": properties.get("TargetTrackingScalingPolicyConfiguration"),
        }
        made = api("applicationautoscaling", "PutScalingPolicy", PolicyName=name, **_place(properties), **wanted)
        return cls(made["PolicyARN"], {**properties, "PolicyName": name}, {"Arn": made["PolicyARN"]})

    def update(self, api: Api, properties: Properties) -> Resource:
        named = {"PolicyName": self.properties["PolicyName"], **properties}
        require_only(
            self,
            named,
            ("PolicyType", "StepScalingPolicyConfiguration", "TargetTrackingScalingPolicyConfiguration"),
        )
        known = self._record(api)
        made = type(self).create(api, named["PolicyName"], named)
        if known is not None:
            # moto makes another policy of it: the ARN is to stay, and the old one's alarms are to go.
            known.delete_alarms(api.account, api.region)
            made._record(api).policy_arn = known.policy_arn
        return type(self)(self.physical_resource_id, named, self.attributes)

    def delete(self, api: Api) -> None:
        if self._record(api) is not None:
            place = _place(self.properties)
            api("applicationautoscaling", "DeleteScalingPolicy", PolicyName=self.properties["PolicyName"], **place)

    def _record(self, api: Api) -> Any:
        name, place = self.properties["PolicyName"], _place(self.properties)
        policies = api.backend("applicationautoscaling").policies.values()
        named = (each for each in policies if each.policy_name == name and each.resource_id == place["ResourceId"])
        return next(named, None)


def _place(properties: Properties) -> dict[str, str]:
    if "ScalingTargetId" not in properties:
        return {name: str(properties[name]) for name in _PLACE}
    parts = str(properties["ScalingTargetId"]).split("|")
    if len(parts) != 3:
        raise Refused(f"ScalingTargetId {properties['ScalingTargetId']!r} is not the Ref of a ScalableTarget")
    resource, dimension, namespace = parts
    return {"ServiceNamespace": namespace, "ResourceId": resource, "ScalableDimension": dimension}
