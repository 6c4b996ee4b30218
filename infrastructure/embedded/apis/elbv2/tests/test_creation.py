"""What is created again is answered with what is there, as long as its settings are the same."""

from typing import Any

import pytest

from infrastructure.embedded.apis.elbv2.creation import Creation
from infrastructure.embedded.apis.elbv2.tests.load_balancing import fixed
from infrastructure.embedded.apis.elbv2.tests.test_checks import Balancer
from infrastructure.embedded.gateway.refused import Refused


@pytest.fixture
def balancer() -> Balancer:
    made = Balancer()
    operations = made.control.backends.operations
    operations.bind("elasticloadbalancing", Creation(made.control.backends.elbv2, operations))
    return made


def _settings(balancer: Balancer, noun: str) -> dict[str, Any]:
    [subnet, other] = balancer.control.backends.ec2.describe_subnets(
        filters={"cidr-block": ["10.0.0.0/24", "10.0.1.0/24"]}
    )
    return {
        "LoadBalancer": {"Name": "again", "Subnets": [subnet.id, other.id]},
        "TargetGroup": {"Name": "again", "Protocol": "HTTP", "Port": 80, "VpcId": subnet.vpc_id, "TargetType": "ip"},
        "Listener": {
            "LoadBalancerArn": balancer.arn,
            "Protocol": "HTTP",
            "Port": 81,
            "DefaultActions": [fixed("404")],
        },
    }[noun]


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "LoadBalancer": ({"Scheme": "internal"}, "DuplicateLoadBalancerName"),
    "TargetGroup": ({"HealthCheckPath": "/other"}, "DuplicateTargetGroupName"),
    "Listener": ({"DefaultActions": [fixed("503")]}, "DuplicateListener"),
}


@pytest.mark.parametrize("noun", CHANGES)
def test_the_same_settings_give_the_same_arn_and_others_are_refused(balancer: Balancer, noun: str) -> None:
    settings = _settings(balancer, noun)
    arns = {balancer.call(f"Create{noun}", **settings)[f"{noun}s"][0].arn for _ in range(3)}
    assert len(arns) == 1
    change, code = CHANGES[noun]
    with pytest.raises(Refused, match=code):
        balancer.call(f"Create{noun}", **{**settings, **change})


@pytest.mark.parametrize("noun", CHANGES)
def test_what_was_deleted_is_made_anew(balancer: Balancer, noun: str) -> None:
    settings = _settings(balancer, noun)
    first = balancer.call(f"Create{noun}", **settings)[f"{noun}s"][0].arn
    balancer.call(f"Delete{noun}", **{f"{noun}Arn": first})
    assert balancer.call(f"Create{noun}", **settings)[f"{noun}s"][0].arn != first
