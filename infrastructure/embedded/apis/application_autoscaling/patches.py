"""A scaling policy that is put once more stays the one it was, with the ARN it had, and its former alarms go.

Replaces in `moto.applicationautoscaling.models` (moto 5.2): `ApplicationAutoscalingBackend.put_scaling_policy`, which
makes another policy of it and leaves the alarms of the one before.
"""

from typing import Any

from moto.applicationautoscaling import models

_moto_put = models.ApplicationAutoscalingBackend.put_scaling_policy


def _put_scaling_policy(self: Any, *arguments: Any, **named: Any) -> Any:
    before = dict(self.policies)
    policy = _moto_put(self, *arguments, **named)
    key = next(key for key, each in self.policies.items() if each is policy)
    if key in before:
        before[key].delete_alarms(self.account_id, self.region_name)
        policy.policy_arn = before[key].policy_arn
    return policy


def install() -> None:
    """Replace it."""
    models.ApplicationAutoscalingBackend.put_scaling_policy = _put_scaling_policy
