"""A rule of a security group is changed to any protocol: those without ports are given none.

Replaces in `moto.ec2.models` (moto 5.2) `EC2Backend.modify_security_group_rules`, which asks for ports whatever the
protocol is. Source: Amazon EC2 API Reference, "SecurityGroupRuleRequest" ("use -1 to specify all protocols … traffic on
all ports is allowed, regardless of any ports you specify"), ModifySecurityGroupRules.
"""

from typing import Any

from moto.ec2.models import EC2Backend

_WITH_PORTS = frozenset({"tcp", "6", "udp", "17", "icmp", "1", "icmpv6", "58"})
"""Ports, or types and codes."""
_moto_modify = EC2Backend.modify_security_group_rules


def _modify(self: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    without = {name for name, rule in rules.items() if str(rule.get("IpProtocol", "tcp")).lower() not in _WITH_PORTS}
    filled = {name: {**rule, "FromPort": 0, "ToPort": 0} if name in without else rule for name, rule in rules.items()}
    _moto_modify(self, group_id, filled)
    group = self.get_security_group_by_name_or_id(group_id)
    for name in without:
        changed = group.get_rule(name)
        changed.from_port = changed.to_port = None


def install() -> None:
    """Replace it."""
    EC2Backend.modify_security_group_rules = _modify
