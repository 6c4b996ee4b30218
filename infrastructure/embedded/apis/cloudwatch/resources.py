"""AWS::CloudWatch::Alarm."""

from typing import ClassVar, Self

from moto.core.common_models import CloudFormationModel

from infrastructure.embedded.stacks.resource import Api, Properties, Resource, require_only

_FIXED = frozenset({"AlarmName"})


class Alarm(Resource, CloudFormationModel):  # type: ignore[misc]  # moto publishes no types
    """Ref gives its name. Every property but the name can be changed."""

    TYPE: ClassVar[str] = "AWS::CloudWatch::Alarm"
    NAME: ClassVar[str] = "AlarmName"
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset({"Arn"})

    @classmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        wanted = {"AlarmActions": [], "Dimensions": [], **properties, "AlarmName": name}
        wanted |= {
            key: int(wanted[key]) for key in ("Period", "EvaluationPeriods", "DatapointsToAlarm") if key in wanted
        }
        if "Threshold" in wanted:
            wanted["Threshold"] = float(wanted["Threshold"])
        api("cloudwatch", "PutMetricAlarm", **wanted)
        return cls(name, properties, {"Arn": api.backend("cloudwatch").alarms[name].alarm_arn})

    def update(self, api: Api, properties: Properties) -> Resource:
        require_only(self, properties, {*self.properties, *properties} - _FIXED)
        return type(self).create(api, self.physical_resource_id, properties)

    def delete(self, api: Api) -> None:
        api("cloudwatch", "DeleteAlarms", AlarmNames=[self.physical_resource_id])
