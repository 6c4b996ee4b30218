"""A rule is changed to any protocol: only some have ports."""

from typing import Any

import pytest

from infrastructure.embedded.tests.control import Control, run


@pytest.mark.parametrize(
    ("protocol", "ports", "expected"),
    [
        ("-1", {}, ("-1", None)),
        ("-1", {"FromPort": 80, "ToPort": 80}, ("-1", None)),
        ("50", {}, ("50", None)),
        ("tcp", {"FromPort": 443, "ToPort": 443}, ("tcp", 443)),
    ],
)
def test_a_rule_takes_the_protocol_that_it_is_given(
    protocol: str, ports: dict[str, int], expected: tuple[str, int | None]
) -> None:
    rule = _changed(protocol, ports)
    assert (rule.ip_protocol, rule.from_port, rule.to_port) == (expected[0], expected[1], expected[1])


def test_tcp_needs_its_ports() -> None:
    with pytest.raises(AssertionError, match="and to ports with TCP"):
        _changed("tcp", {})


def _changed(protocol: str, ports: dict[str, int]) -> Any:
    """What a rule for port 80 becomes."""
    control = Control()
    ec2 = control.backends.ec2
    vpc = ec2.create_vpc("10.0.0.0/16")
    group = ec2.create_security_group("g", "g", vpc.id)
    ec2.authorize_security_group_ingress(group.id, "tcp", "80", "80", ip_ranges=[{"CidrIp": "10.0.0.0/8"}])
    [rule] = group.ingress_rules
    change = {"SecurityGroupRuleId": rule.id}
    change |= {f"SecurityGroupRule.{name}": str(value) for name, value in ports.items()}
    change |= {"SecurityGroupRule.IpProtocol": protocol, "SecurityGroupRule.CidrIpv4": "10.0.0.0/8"}
    flat = {f"SecurityGroupRule.1.{name}": value for name, value in change.items()}
    answer = run(control.answer("ec2", "ModifySecurityGroupRules", GroupId=group.id, **flat))
    assert answer.is_success, answer.body.decode()[-200:]
    return group.get_rule(rule.id)
