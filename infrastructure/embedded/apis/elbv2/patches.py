"""A load balancer's DNSName leads somewhere on this machine.

Replaces `FakeLoadBalancer.dns_name` of `moto.elbv2.models` (moto 5.2): a name below amazonaws.com that does not
resolve, and may be a stranger's.
"""

from moto.elbv2 import models

from infrastructure.embedded.apis.elbv2.addresses import address_of


def install() -> None:
    """Replace it; what moto writes there is dropped."""
    models.FakeLoadBalancer.dns_name = property(lambda self: address_of(self.arn), lambda _self, _name: None)
