"""A Network Load Balancer's ARN says that it is one.

Replaces `ELBv2Backend.create_load_balancer` of `moto.elbv2.models` (moto 5.2), which calls every one `app/`: the full
name in CloudWatch's dimensions is a part of it.
"""

from typing import Any

from moto.elbv2 import models

_moto_create = models.ELBv2Backend.create_load_balancer


def _create(self: Any, *arguments: Any, **named: Any) -> Any:
    made = _moto_create(self, *arguments, **named)
    if made.type == "network":
        tags = self.tagging_service.list_tags_for_resource(made.arn)["Tags"]
        self.tagging_service.delete_all_tags_for_resource(made.arn)
        del self.load_balancers[made.arn]
        made.arn = made.arn.replace(":loadbalancer/app/", ":loadbalancer/net/")
        self.load_balancers[made.arn] = made
        self.tagging_service.tag_resource(made.arn, tags)
    return made


def install() -> None:
    """Replace it."""
    models.ELBv2Backend.create_load_balancer = _create
