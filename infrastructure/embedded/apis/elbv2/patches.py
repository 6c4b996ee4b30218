"""A load balancer's DNSName leads somewhere on this machine, and a Network Load Balancer's ARN says that it is one.

Replaces in `moto.elbv2.models` (moto 5.2) `FakeLoadBalancer.dns_name`: a name below amazonaws.com that does not
resolve, and may be a stranger's; and `ELBv2Backend.create_load_balancer`, which calls every one `app/`: the full name
in CloudWatch's dimensions is a part of it.
"""

from typing import Any

from moto.elbv2 import models

from infrastructure.embedded.network.addresses import address_of

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
    """Replace them; what moto writes as a name is dropped."""
    models.FakeLoadBalancer.dns_name = property(lambda self: address_of(self.arn), lambda _self, _name: None)
    models.ELBv2Backend.create_load_balancer = _create
