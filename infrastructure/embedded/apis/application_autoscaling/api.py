"""The calls about scalable targets and policies, refused where nothing here would follow from them.

Source: https://docs.aws.amazon.com/autoscaling/application/APIReference/
"""

import time
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.apis.cloudwatch.breach import naming
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.control.schedules import aws, zone_of
from infrastructure.embedded.control.step_scaling import problem
from infrastructure.embedded.control.target_tracking import custom_metric, predefined_metric
from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused, unsupported

Record = Any  # moto's scaling policy, scalable target or ECS service, which publish no types

PREDEFINED: Mapping[str, str] = {
    "ECSServiceAverageCPUUtilization": "CPUUtilization",
    "ECSServiceAverageMemoryUtilization": "MemoryUtilization",
}
"""Predefined metric types that are followed, and their metric in AWS/ECS."""
ACTIVITIES = 200
"""Scaling activities kept; AWS keeps those of six weeks."""
MOST_ACTIVITIES = 50
_PLACE = ("ServiceNamespace", "ResourceId", "ScalableDimension")


class ScalingApi:
    """The operations. `activities` are the changes that were made, the latest first, as AWS describes them."""

    def __init__(self, backend: Record, alarms: Mapping[str, Record], operations: Operations) -> None:
        self._backend = backend
        self._alarms = alarms
        self._operations = operations
        self.activities: deque[Output] = deque(maxlen=ACTIVITIES)

    # --- targets ------------------------------------------------------------------------------------------------------

    @operation("RegisterScalableTarget", effect="bounds of an ECS service's desired count")
    def _register(self, given: Members) -> Output:
        if given["ServiceNamespace"] != "ecs":
            raise unsupported(f"scaling of {given['ServiceNamespace']}; ECS services are scaled")
        if given["ResourceId"].count("/") != 2:
            raise _invalid("Unsupported service namespace, resource type or scalable dimension")
        if service_of(self._backend.ecs_backend, given["ResourceId"]) is None:
            raise _invalid(f"ECS service doesn't exist: {given['ResourceId']}")
        standing = self._target(given)
        least = given.get("MinCapacity", getattr(standing, "min_capacity", None))
        most = given.get("MaxCapacity", getattr(standing, "max_capacity", None))
        if least is None or most is None:
            raise _invalid("MinCapacity and MaxCapacity are required to register a scalable target")
        if least < 0:
            raise _invalid("Minimum capacity must be greater than or equal to 0")
        if most < least:
            raise _invalid("Maximum capacity cannot be less than minimum capacity")
        output = self._moto("RegisterScalableTarget", given)
        self.bound(given)
        return output

    def rebound(self, given: Members, cause: str) -> None:
        """Give a registered target other bounds, for `cause`."""
        self._moto("RegisterScalableTarget", given)
        self.bound(given, cause)

    def bound(self, given: Members, cause: str = "") -> None:
        """Bring the capacity of a target that was just given its bounds between them, as AWS does at once."""
        target, service = self._target(given), service_of(self._backend.ecs_backend, given["ResourceId"])
        if service is None:
            return
        for word, wanted in (("minimum", target.min_capacity), ("maximum", target.max_capacity)):
            limit = max if word == "minimum" else min
            if limit(service.desired_count, wanted) != service.desired_count:
                self.set_capacity(given, service, wanted, cause or f"{word} capacity was set to {wanted}", time.time())

    @operation("DeregisterScalableTarget", effect="tracking ends; the target's policies and their alarms go")
    def _deregister(self, given: Members) -> Output:
        if self._target(given) is None:
            raise _not_found("No scalable target found for", given)
        for policy in self._policies(given):
            self._moto("DeleteScalingPolicy", {**given, "PolicyName": policy.policy_name})
        return self._moto("DeregisterScalableTarget", given)

    def set_capacity(self, given: Members, service: Record, capacity: int, cause: str, at: float) -> None:
        """Change the service's desired count; the activity that tells of it has `cause`. `at` in Unix seconds."""
        self._operations.call(
            "ecs", "UpdateService", cluster=service.cluster_name, service=service.name, desiredCount=capacity
        )
        moment = datetime.fromtimestamp(at, UTC)
        self.activities.appendleft(
            {
                "ActivityId": str(uuid.uuid4()),
                **{name: given[name] for name in _PLACE},
                "Description": f"Setting desired count to {capacity}.",
                "Cause": cause,
                "StartTime": moment,
                "EndTime": moment,
                "StatusCode": "Successful",
                "StatusMessage": f"Successfully set desired count to {capacity}. Change successfully fulfilled by ecs.",
            }
        )

    def _target(self, given: Members) -> Record:
        """None when it is not registered."""
        return self._backend.targets.get(given["ScalableDimension"], {}).get(given["ResourceId"])

    # --- policies -----------------------------------------------------------------------------------------------------

    @operation(
        "PutScalingPolicy",
        effect="target tracking of an ECS service's CPU, memory or any metric; steps while an alarm calls for them",
    )
    def _put(self, given: Members) -> Output:
        if self._target(given) is None:
            raise _not_found("No scalable target registered for", given)
        known = self._policy(given)
        kind = given.get("PolicyType") or getattr(known, "policy_type", None)
        if kind is None:
            raise _invalid("PolicyType is required to create a scaling policy")
        if kind == "PredictiveScaling":
            raise unsupported("PredictiveScaling policies; target tracking and steps are carried out")
        if known is not None and kind != known.policy_type:
            raise _invalid("You cannot change the policy type of an existing policy")
        if kind == "StepScaling":
            self._require_steps(given, known)
        else:
            self._require_metric(given, known)
        output = self._moto("PutScalingPolicy", given)
        if known is not None:  # moto makes another one: on AWS its ARN stays, and the old one's alarms go
            known.delete_alarms(self._backend.account_id, self._backend.region_name)
            self._policy(given).policy_arn = known.policy_arn
            return {**output, "PolicyARN": known.policy_arn}
        return output

    def _require_metric(self, given: Members, known: Record | None) -> None:
        configured = given.get("TargetTrackingScalingPolicyConfiguration")
        if configured is None:
            if known is None:
                raise _invalid("TargetTrackingScalingPolicyConfiguration is required")
            return
        if not float(configured["TargetValue"]) > 0:
            raise _invalid(f"TargetValue {configured['TargetValue']} must be greater than 0")
        key = metric_of(configured, given["ResourceId"])
        if key is None:
            raise unsupported(f"tracking of this metric; of the predefined ones, {' and '.join(PREDEFINED)} are")
        tracking = [each for each in self._policies(given) if each.policy_type == "TargetTrackingScaling"]
        others = [each.target_tracking_scaling_policy_configuration for each in tracking if each is not known]
        if any(key == metric_of(other, given["ResourceId"]) for other in others):
            raise _invalid("Only one TargetTrackingScaling policy for a given metric specification is allowed.")

    def _require_steps(self, given: Members, known: Record | None) -> None:
        configured = given.get("StepScalingPolicyConfiguration")
        if configured is None and known is None:
            raise _invalid("StepScalingPolicyConfiguration is required")
        why = None if configured is None else problem(configured)
        if why is not None:
            raise _invalid(why)

    @operation("DeleteScalingPolicy", effect="scaling by it ends; its alarms go")
    def _delete(self, given: Members) -> Output:
        if self._policy(given) is None:
            raise _not_found("No scaling policy found for", given, f", policy name: {given['PolicyName']}")
        return self._moto("DeleteScalingPolicy", given)

    @operation("DescribeScalingPolicies")
    def _describe(self, given: Members) -> Output:
        """moto knows no PolicyNames, nor the alarms that name a policy of steps."""
        output, names = self._moto("DescribeScalingPolicies", given), given.get("PolicyNames")
        found = [each for each in output["ScalingPolicies"] if not names or each["PolicyName"] in names]
        return {**output, "ScalingPolicies": [self._with_alarms(each) for each in found]}

    def _with_alarms(self, described: Mapping[str, Any]) -> Mapping[str, Any]:
        if described["PolicyType"] != "StepScaling":
            return described
        alarms = [{"AlarmName": each.name, "AlarmARN": each.alarm_arn} for each in self.calling(described["PolicyARN"])]
        return {**described, "Alarms": alarms}

    def calling(self, policy_arn: str) -> list[Record]:
        """The alarms whose actions the policy is."""
        return naming(policy_arn, self._alarms)

    def _policy(self, given: Members) -> Record:
        """None when there is none of that name."""
        return next((each for each in self._policies(given) if each.policy_name == given["PolicyName"]), None)

    def _policies(self, given: Members) -> list[Record]:
        place = tuple(given[name] for name in _PLACE)
        policies = self._backend.policies.values()
        return [p for p in policies if (p.service_namespace, p.resource_id, p.scalable_dimension) == place]

    # --- schedules ----------------------------------------------------------------------------------------------------

    @operation("PutScheduledAction", effect="the target's bounds change when it is due, its capacity with them")
    def _put_schedule(self, given: Members) -> Output:
        if self._target(given) is None:
            raise _not_found("No scalable target registered for", given)
        schedule, known = given.get("Schedule"), self._schedule(given)
        if schedule is None and known is None:
            raise _invalid("Schedule is required to create a scheduled action")
        try:
            zone = zone_of(given.get("Timezone") or getattr(known, "timezone", None) or "UTC")
            aws(schedule or known.schedule, zone, 0.0)
        except ValueError as wrong:
            raise _invalid(f"Schedule expression is not valid: {wrong}") from wrong
        return self._moto("PutScheduledAction", given)

    @operation("DeleteScheduledAction", effect="it is not due any more")
    def _delete_schedule(self, given: Members) -> Output:
        if self._schedule(given) is None:
            more = f", scheduled action name: {given['ScheduledActionName']}"
            raise _not_found("No scheduled action found for", given, more)
        return self._moto("DeleteScheduledAction", given)

    def _schedule(self, given: Members) -> Record:
        """None when there is none of that name."""
        wanted = (given["ScheduledActionName"], *(given[name] for name in _PLACE))
        for each in self._backend.scheduled_actions:
            if (
                each.scheduled_action_name,
                each.service_namespace,
                each.resource_id,
                each.scalable_dimension,
            ) == wanted:
                return each
        return None

    # --- activities ---------------------------------------------------------------------------------------------------

    @operation("DescribeScalingActivities", effect="every change that scaling made, with its cause")
    def _activities(self, given: Members) -> Output:
        found = [each for each in self.activities if all(given.get(name, each[name]) == each[name] for name in _PLACE)]
        try:
            most = min(given.get("MaxResults") or MOST_ACTIVITIES, MOST_ACTIVITIES)
            shown, following = page(found, given.get("NextToken") or None, most)
        except ValueError:
            raise Refused("InvalidNextTokenException", "The next token is invalid") from None
        return {"ScalingActivities": shown, "NextToken": following}

    def _moto(self, name: str, given: Members) -> Output:
        return self._operations.moto("application-autoscaling", name, given)


def service_of(ecs: Record, resource_id: str) -> Record | None:
    """moto's record of the active ECS service that `service/CLUSTER/NAME` is."""
    _, cluster, name = resource_id.split("/")
    found = ecs.services.get(f"{cluster}:{name}")
    return found if found is not None and found.status == "ACTIVE" else None


def metric_of(configured: Mapping[str, Any], resource_id: str) -> Key | None:
    """The metric a target-tracking configuration follows; None for one that nothing here reports."""
    _, cluster, service = resource_id.split("/")
    name = PREDEFINED.get(predefined_metric(configured))
    own = Key.of("AWS/ECS", name, {"ClusterName": cluster, "ServiceName": service}) if name else None
    return custom_metric(configured) or own


def _invalid(message: str) -> Refused:
    return Refused("ValidationException", message)


def _not_found(what: str, given: Members, more: str = "") -> Refused:
    place = "service namespace: {}, resource ID: {}, scalable dimension: {}".format(*(given[name] for name in _PLACE))
    return Refused("ObjectNotFoundException", f"{what} {place}{more}")
