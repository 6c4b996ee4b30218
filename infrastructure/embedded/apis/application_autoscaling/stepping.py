"""Step scaling of ECS services: policies that are carried out as long as an alarm that names them is in ALARM."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.apis.application_autoscaling.api import Record, ScalingApi
from infrastructure.embedded.apis.cloudwatch.breach import breach
from infrastructure.embedded.control import step_scaling as steps
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.step_scaling import Cooling, StepPolicy

DEFAULT_COOLDOWN_S = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """An alarm calls for another capacity by a policy."""

    record: Record
    alarm: str
    capacity: int


@dataclass(slots=True, kw_only=True)
class Stepping:
    """Reads policies and alarms; remembers what cools down."""

    context: Context
    api: ScalingApi
    _cooling: dict[str, Cooling] = field(init=False, default_factory=dict)
    """By the policy's ARN."""

    def calls(self, records: list[Record], target: Record, capacity: int, now: float) -> Iterator[Call]:
        """What alarms call for on one target, whose step policies are `records`."""
        suspended = target.suspended_state or {}
        for record in records:
            policy = self._policy(record.step_scaling_policy_configuration, target)
            for alarm in self.api.calling(record.policy_arn):
                breach = self._breach(alarm, record.step_scaling_policy_configuration, now)
                cooling = self._cooling.get(record.policy_arn)
                wanted = None if breach is None else steps.decide(policy, breach, capacity, cooling, now)
                way = "Out" if wanted is not None and wanted > capacity else "In"
                if wanted is not None and not suspended.get(f"DynamicScaling{way}Suspended"):
                    yield Call(record=record, alarm=alarm.name, capacity=wanted)

    def made(self, call: Call, before: int, now: float) -> None:
        """The capacity was changed as `call` wanted it."""
        arn = call.record.policy_arn
        cooldown_s = self._cooldown_s(call.record.step_scaling_policy_configuration)
        self._cooling[arn] = steps.cooling_after(self._cooling.get(arn), before, call.capacity, cooldown_s, now)

    def _policy(self, configured: Mapping[str, Any], target: Record) -> StepPolicy:
        return StepPolicy(
            kind=configured["AdjustmentType"],
            steps=steps.steps_of(configured),
            least=int(target.min_capacity or 0),
            most=int(target.max_capacity or 0),
            cooldown_s=self._cooldown_s(configured),
            smallest=int(configured.get("MinAdjustmentMagnitude") or 0),
        )

    def _cooldown_s(self, configured: Mapping[str, Any]) -> float:
        return self.context.pace.seconds(float(configured.get("Cooldown", DEFAULT_COOLDOWN_S)))

    def _breach(self, alarm: Record, configured: Mapping[str, Any], now: float) -> float | None:
        statistic = configured.get("MetricAggregationType", "Average")
        return breach(alarm, statistic, self.context.metrics.store, self.context.pace, now)
