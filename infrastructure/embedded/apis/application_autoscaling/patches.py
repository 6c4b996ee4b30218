"""A scaling policy that is put once more stays the one it was; a scalable target has tags.

Replaces in `moto.applicationautoscaling` (moto 5.2): `ApplicationAutoscalingBackend.put_scaling_policy`, which makes
another policy of it, with another ARN, and leaves the alarms of the one before; and of the responses
`register_scalable_target`, which drops the tags that the call brings. Adds TagResource, UntagResource and
ListTagsForResource, which it does not have.
"""

import json
from typing import Any

from moto.applicationautoscaling import models
from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.exceptions import JsonRESTError

_moto_put = models.ApplicationAutoscalingBackend.put_scaling_policy
_moto_register = ApplicationAutoScalingResponse.register_scalable_target


def _put_scaling_policy(self: Any, *arguments: Any, **named: Any) -> Any:
    before = dict(self.policies)
    policy = _moto_put(self, *arguments, **named)
    key = next(key for key, each in self.policies.items() if each is policy)
    if key in before:
        before[key].delete_alarms(self.account_id, self.region_name)
        policy.policy_arn = before[key].policy_arn
    return policy


def _register(self: Any) -> Any:
    answer = _moto_register(self)
    _tags(self, json.loads(answer)["ScalableTargetARN"]).update(self._get_param("Tags", {}))
    return answer


def _tag(self: Any) -> str:
    _tags(self, self._get_param("ResourceARN")).update(self._get_param("Tags"))
    return "{}"


def _untag(self: Any) -> str:
    tags = _tags(self, self._get_param("ResourceARN"))
    for key in self._get_param("TagKeys"):
        tags.pop(key, None)
    return "{}"


def _list(self: Any) -> str:
    return json.dumps({"Tags": _tags(self, self._get_param("ResourceARN"))})


def _tags(self: Any, arn: str) -> dict[str, str]:
    """The tags of the target, which its record keeps."""
    targets = self.applicationautoscaling_backend.targets.values()
    for target in (each for dimension in targets for each in dimension.values()):
        if target.arn == arn:
            found: dict[str, str] = vars(target).setdefault("tags", {})
            return found
    raise JsonRESTError("ResourceNotFoundException", f"The resource {arn} doesn't exist.")


def install() -> None:
    """Replace and add them."""
    models.ApplicationAutoscalingBackend.put_scaling_policy = _put_scaling_policy
    ApplicationAutoScalingResponse.register_scalable_target = _register
    ApplicationAutoScalingResponse.tag_resource = _tag
    ApplicationAutoScalingResponse.untag_resource = _untag
    ApplicationAutoScalingResponse.list_tags_for_resource = _list
