"""What types ask of other APIs before their own, where the API itself would, and moto does not."""

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.resource_type import Properties


def subnets_exist(call: CallApi, properties: Properties, changed: frozenset[str]) -> Properties:
    """Refused in EC2's words when one of `SubnetIds` does not exist."""
    if "SubnetIds" in changed:
        call("ec2", "DescribeSubnets", SubnetIds=list(properties["SubnetIds"]))
    return properties
