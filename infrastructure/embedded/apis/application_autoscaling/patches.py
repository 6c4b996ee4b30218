"""A scalable target has tags.

Replaces in `moto.applicationautoscaling.responses` (moto 5.2): `register_scalable_target`, which drops the tags that
the call brings. Adds TagResource, UntagResource and ListTagsForResource, which it does not have.
"""

import json
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.exceptions import JsonRESTError

_moto_register = ApplicationAutoScalingResponse.register_scalable_target


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
    """Replace it and add them."""
    ApplicationAutoScalingResponse.register_scalable_target = _register
    ApplicationAutoScalingResponse.tag_resource = _tag
    ApplicationAutoScalingResponse.untag_resource = _untag
    ApplicationAutoScalingResponse.list_tags_for_resource = _list
