"""Application Auto Scaling: policies move the desired count of ECS services between its bounds."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from infrastructure.embedded.apis.application_autoscaling.api import Record, ScalingApi, metric_of, service_of
from infrastructure.embedded.apis.application_autoscaling.scheduled import Schedules
from infrastructure.embedded.apis.application_autoscaling.stepping import DEFAULT_COOLDOWN_S, Stepping
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.metric_store import Key
from infrastructure.embedded.control.target_tracking import (
    LOW_FRACTION,
    Past,
    Policy,
    agreed,
    decide,
    recent,
    statistic_of,
)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tracked:
    """A target-tracking policy, moto's record of it and of its service, and the metric it follows."""

    record: Record
    service: Record
    key: Key
    policy: Policy


class ApplicationAutoScalingController:
    """Follows the policies of ECS services: target tracking by metrics, steps by alarms."""

    name: ClassVar[str] = "application-autoscaling"
    watches: ClassVar[frozenset[str]] = frozenset({"application-autoscaling"})
    PARTS: ClassVar[tuple[type, ...]] = (ScalingApi,)

    def __init__(self, context: Context, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._clock = clock
        self._backend = context.backends.applicationautoscaling
        self._past: dict[tuple[str, str], Past] = {}
        self._operations = context.backends.operations
        self._api = ScalingApi(self._backend, context.backends.cloudwatch.alarms, self._operations)
        self._schedules = Schedules(backend=self._backend, api=self._api)
        self._stepping = Stepping(context=context, api=self._api)
        self._operations.bind(self.name, self._api)
        self._next_at = 0.0

    async def reconcile(self, _key: str, /) -> float:
        now = self._clock()
        interval_s = self._context.pace.scaling_interval_s
        is_due = not self._next_at - interval_s <= now < self._next_at  # the clock may have been set back
        if is_due:
            self._next_at = now + interval_s
        targets: dict[tuple[str, str], list[_Tracked]] = {}
        for record in tuple(self._backend.policies.values()):
            tracked = self._tracked(record)
            if tracked is not None:
                self._level_alarms(record, tracked.key, tracked.policy)
                targets.setdefault((record.resource_id, record.scalable_dimension), []).append(tracked)
        for identity, policies in targets.items() if is_due else ():
            self._scale(identity, policies, now)
        if is_due:
            self._step(now)
            self._schedules.follow(now)
        return max(self._next_at - now, 0.0)

    def _step(self, now: float) -> None:
        """Change capacities as alarms call for: of several calls on one target the one that wants most counts."""
        by_target: dict[tuple[str, str], list[Record]] = {}
        for record in tuple(self._backend.policies.values()):
            if record.policy_type == "StepScaling":
                by_target.setdefault((record.resource_id, record.scalable_dimension), []).append(record)
        for (resource, dimension), records in by_target.items():
            target = self._backend.targets.get(dimension, {}).get(resource)
            service = service_of(self._context.backends.ecs, resource)
            if target is None or service is None:
                continue
            before = service.desired_count
            called = max(
                self._stepping.calls(records, target, before, now), key=lambda each: each.capacity, default=None
            )
            if called is not None:
                self._apply(called.record, service, called.capacity, called.alarm, now)
                self._stepping.made(called, before, now)

    def _tracked(self, record: Record) -> _Tracked | None:
        """A policy with what it needs to be carried out; None while its service is not there, and of one of steps."""
        configured = record.target_tracking_scaling_policy_configuration
        if configured is None:
            return None
        target = self._backend.targets.get(record.scalable_dimension, {}).get(record.resource_id)
        service = service_of(self._context.backends.ecs, record.resource_id)
        key = metric_of(configured, record.resource_id)
        if target is None or service is None or key is None:
            return None
        return _Tracked(record=record, service=service, key=key, policy=self._policy(configured, target))

    def _scale(self, identity: tuple[str, str], policies: Sequence[_Tracked], now: float) -> None:
        """Change the capacity of one target as all of its policies together want it."""
        past, capacity = self._past.get(identity, Past()), policies[0].service.desired_count
        steps = [decide(each.policy, self._values(each, now), capacity, past, now) for each in policies]
        step = agreed([each.policy for each in policies], steps)
        if step is not None:
            self._past[identity] = past.after(step, now)
            chosen = policies[steps.index(step)]
            alarms = (each.name for each in chosen.record.alarms)
            alarm = next((name for name in alarms if step.alarm in name), step.alarm)
            self._apply(chosen.record, chosen.service, step.capacity, alarm, now)

    def _policy(self, configured: Mapping[str, Any], target: Record) -> Policy:
        suspended = target.suspended_state or {}
        seconds = self._context.pace.seconds
        return Policy(
            target=float(configured["TargetValue"]),
            least=int(target.min_capacity or 0),
            most=int(target.max_capacity or 0),
            out_cooldown_s=seconds(float(configured.get("ScaleOutCooldown", DEFAULT_COOLDOWN_S))),
            in_cooldown_s=seconds(float(configured.get("ScaleInCooldown", DEFAULT_COOLDOWN_S))),
            is_in_disabled=_is_true(configured.get("DisableScaleIn"))
            or _is_true(suspended.get("DynamicScalingInSuspended")),
            is_out_disabled=_is_true(suspended.get("DynamicScalingOutSuspended")),
        )

    def _values(self, tracked: _Tracked, now: float) -> tuple[float | None, ...]:
        statistic = statistic_of(tracked.record.target_tracking_scaling_policy_configuration)
        return recent(self._context.metrics.store, tracked.key, statistic, self._context.pace, now)

    def _level_alarms(self, record: Record, key: Key, policy: Policy) -> None:
        """moto gives a policy's two alarms an invented threshold: give them the policy's own metric and target."""
        for alarm in record.alarms:
            is_high = alarm.comparison_operator == "GreaterThanThreshold"
            alarm.namespace, alarm.metric_name = key.namespace, key.name
            alarm.dimensions = [type(alarm.dimensions[0])(name, value) for name, value in key.dimensions]
            alarm.threshold = policy.target if is_high else policy.target * LOW_FRACTION

    def _apply(self, record: Record, service: Record, capacity: int, alarm: str, now: float) -> None:
        place = {
            "ServiceNamespace": record.service_namespace,
            "ResourceId": record.resource_id,
            "ScalableDimension": record.scalable_dimension,
        }
        _log.info("%s: desired count %d to %d by %s", record.resource_id, service.desired_count, capacity, alarm)
        cause = f"monitor alarm {alarm} in state ALARM triggered policy {record.policy_name}"
        self._api.set_capacity(place, service, capacity, cause, now)


def _is_true(value: object) -> bool:
    """A flag from JSON or, by way of CloudFormation, from text."""
    return str(value).lower() == "true"
