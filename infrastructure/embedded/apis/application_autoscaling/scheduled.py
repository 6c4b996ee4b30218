"""Scheduled actions of scalable targets: new bounds when they are due, and the capacity between them.

Source: https://docs.aws.amazon.com/autoscaling/application/userguide/application-auto-scaling-scheduled-scaling.html
"""

from dataclasses import dataclass, field

from infrastructure.embedded.apis.application_autoscaling.api import Record, ScalingApi
from infrastructure.embedded.control.schedules import aws, unix_seconds, zone_of


@dataclass(slots=True, kw_only=True)
class Schedules:
    """Remembers when each action was last looked at: what became due since is done once."""

    backend: Record
    api: ScalingApi
    _begun: dict[str, float] = field(default_factory=dict)
    _looked_at: dict[str, float] = field(default_factory=dict)
    """By the action's ARN, in Unix seconds: when it was made, and when it was due last."""

    def follow(self, now: float) -> None:
        """Do what is due."""
        actions = {each.arn: each for each in self.backend.scheduled_actions}
        self._begun = {arn: self._begun.get(arn, min(each.creation_time, now)) for arn, each in actions.items()}
        self._looked_at = {arn: at for arn, at in self._looked_at.items() if arn in actions}
        for arn, action in actions.items():
            due = _following(action, self._begun[arn], self._looked_at.get(arn, self._begun[arn]))
            if due is not None and due <= now:
                self._looked_at[arn] = now
                self._act(action)

    def _act(self, action: Record) -> None:
        target = self.backend.targets.get(action.scalable_dimension, {}).get(action.resource_id)
        suspended = getattr(target, "suspended_state", None) or {}
        if target is None or suspended.get("ScheduledScalingSuspended"):
            return
        wanted = action.scalable_target_action or {}
        place = {
            "ServiceNamespace": action.service_namespace,
            "ResourceId": action.resource_id,
            "ScalableDimension": action.scalable_dimension,
        }
        bounds = {name: wanted[name] for name in ("MinCapacity", "MaxCapacity") if wanted.get(name) is not None}
        self.api.rebound({**place, **bounds}, f"scheduled action name {action.scheduled_action_name} was triggered")


def _following(action: Record, begun: float, since: float) -> float | None:
    """The first time after `since`, between the action's start and its end."""
    start, end = unix_seconds(action.start_time), unix_seconds(action.end_time)
    schedule = aws(action.schedule, zone_of(action.timezone or "UTC"), begun if start is None else start)
    due = schedule.following(since if start is None else max(since, start - 1.0))
    return None if due is None or (end is not None and due > end) else due
