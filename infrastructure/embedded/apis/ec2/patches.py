"""EC2 deletions that leave nothing behind, addresses that are some, rules of security groups as EC2 keeps them.

Replaces in `moto.ec2` (moto 5.2):

- of the back end: `delete_nat_gateway`, which keeps the gateway and its network interface, and `delete_vpc_endpoints`,
  which keeps the endpoints (AWS shows both for a while, as deleted); `create_vpc_endpoint`, which knows no default for
  their type; `allocate_address` and `create_network_interface`, which take any text for an address;
  `associate_vpc_cidr_block`, which associates nothing when nothing is given; `modify_managed_prefix_list`, which takes
  its name from a list that is to keep it; `modify_security_group_rules`, which leaves a rule for a group
  for that group, and asks for ports whatever the protocol is; `_load_amis`, whose images are some thousand that
  nothing here boots, and are those of whoever imported moto first;
- of the responses: `update_security_group_rule_descriptions_ingress` and `_egress`, which know no rule by its id and
  change nothing of a rule for a group or a prefix list;
- of `SecurityGroupRule`: the `description`, which is that of an address range alone, and the ports, which it reads of
  every protocol, given or not. Which protocols need them: Amazon EC2 API Reference, "IpPermission", and
  "SecurityGroupRuleRequest" ("use -1 to specify all protocols … traffic on all ports is allowed, regardless of any
  ports you specify").
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from moto.core.responses import EmptyResult
from moto.ec2 import models
from moto.ec2.exceptions import (
    InvalidParameterValue,
    InvalidSecurityGroupNotFoundError,
    InvalidSecurityGroupRuleIdNotFoundError,
    MissingParameter,
)
from moto.ec2.models.amis import Ami
from moto.ec2.models.security_groups import SecurityGroupRule
from moto.ec2.responses.security_groups import SecurityGroups
from moto.ec2.utils import is_valid_cidr

_IMAGES = Path(__file__).with_name("image") / "amis.json"
_moto_create_vpc_endpoint = models.EC2Backend.create_vpc_endpoint
_moto_rule = SecurityGroupRule.__init__
_moto_create_interface = models.EC2Backend.create_network_interface
_moto_allocate = models.EC2Backend.allocate_address
_moto_associate = models.EC2Backend.associate_vpc_cidr_block
_moto_modify_list = models.EC2Backend.modify_managed_prefix_list
_moto_modify_rules = models.EC2Backend.modify_security_group_rules
_moto_delete_nat_gateway = models.EC2Backend.delete_nat_gateway
_moto_delete_vpc_endpoints = models.EC2Backend.delete_vpc_endpoints
_moto_describe = {
    action: getattr(SecurityGroups, f"update_security_group_rule_descriptions_{action}")
    for action in ("ingress", "egress")
}


def _delete_nat_gateway(self: Any, nat_gateway_id: str) -> Any:
    gateway = _moto_delete_nat_gateway(self, nat_gateway_id)
    self.nat_gateways.pop(nat_gateway_id, None)
    for address in gateway.address_set:
        self.enis.pop(address.get("networkInterfaceId"), None)
    return gateway


def _create_vpc_endpoint(self: Any, *arguments: Any, **named: Any) -> Any:
    endpoint = _moto_create_vpc_endpoint(self, *arguments, **named)
    endpoint.vpc_endpoint_type = endpoint.vpc_endpoint_type or "Gateway"
    return endpoint


def _create_interface(
    self: Any, subnet: Any, private_ip_address: Any, private_ip_addresses: Any = None, *more: Any, **named: Any
) -> Any:
    listed = [each for each in private_ip_addresses or () if isinstance(each, dict)]
    if not all(item.get("PrivateIpAddress") for item in listed):
        raise MissingParameter("The request must contain the parameter privateIpAddress")
    for each in (private_ip_address, *(item["PrivateIpAddress"] for item in listed)):
        _require_address(each)
    if listed and not private_ip_address and not any(item.get("Primary") for item in listed):
        listed[0]["Primary"] = True
    return _moto_create_interface(self, subnet, private_ip_address, private_ip_addresses, *more, **named)


def _allocate(self: Any, domain: str, address: str | None = None, *more: Any, **named: Any) -> Any:
    _require_address(address)
    return _moto_allocate(self, domain, address, *more, **named)


def _require_address(given: Any) -> None:
    if isinstance(given, str) and not is_valid_cidr(f"{given}/32"):
        raise InvalidParameterValue(f"invalid value for parameter address: {given}")


def _associate(self: Any, vpc_id: str, cidr_block: str | None, amazon_provided_ipv6_cidr_block: bool) -> Any:
    if not cidr_block and not amazon_provided_ipv6_cidr_block:
        raise MissingParameter("Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    return _moto_associate(self, vpc_id, cidr_block, amazon_provided_ipv6_cidr_block)


def _modify_list(self: Any, *arguments: Any, **named: Any) -> Any:
    """Also one that is refused half-way keeps its name: moto has taken it away by then."""
    names = {key: each.prefix_list_name for key, each in self.managed_prefix_lists.items()}
    try:
        return _moto_modify_list(self, *arguments, **named)
    finally:
        for key, each in self.managed_prefix_lists.items():
            each.prefix_list_name = each.prefix_list_name or names[key]


def _modify_rules(self: Any, group_id: str, rules: dict[str, dict[str, Any]]) -> None:
    described = {identifier: rule.pop("Description", None) for identifier, rule in rules.items()}
    for identifier, rule in rules.items():
        peer = rule.get("ReferencedGroupId")
        if peer is not None and self.get_security_group_by_name_or_id(peer) is None:
            raise InvalidSecurityGroupNotFoundError(peer)
        standing = getattr(self.get_security_group_by_name_or_id(group_id), "get_rule", lambda _: None)(identifier)
        if peer is not None and standing is not None and not standing.source_group:
            kind = f"Invalid rule type for security group rule '{identifier}'."
            raise InvalidParameterValue(f"{kind} You may not specify ReferencedGroupId for a rule of another type.")
    without = {name for name, rule in rules.items() if not _has_ports(rule.get("IpProtocol", "tcp"))}
    filled = {name: {**rule, "FromPort": 0, "ToPort": 0} if name in without else rule for name, rule in rules.items()}
    _moto_modify_rules(self, group_id, filled)
    group = self.get_security_group_by_name_or_id(group_id)
    for identifier, rule in rules.items():
        standing = group.get_rule(identifier)
        if identifier in without:
            standing.from_port = standing.to_port = None
        if rule.get("ReferencedGroupId"):
            standing.source_group = {**standing.source_group, "GroupId": rule["ReferencedGroupId"]}
        if described[identifier] is not None:
            _describe(group, identifier, described[identifier])


def _delete_vpc_endpoints(self: Any, vpce_ids: list[str] | None = None) -> None:
    _moto_delete_vpc_endpoints(self, vpce_ids)
    for identifier in vpce_ids or ():
        self.vpc_end_points.pop(identifier, None)


def _describing(direction: str) -> Any:
    def describe(self: Any) -> Any:
        described = self._get_param("SecurityGroupRuleDescriptions")  # moto's way to read a parameter
        if not described:
            return _moto_describe[direction](self)
        name = self._get_param("GroupId") or self._get_param("GroupName")
        if name is None:
            raise MissingParameter("The request must contain the parameter groupName or groupId")
        group = self.ec2_backend.get_security_group_by_name_or_id(name)
        if group is None:
            raise InvalidSecurityGroupNotFoundError(name)
        for each in described:
            _describe(group, each["SecurityGroupRuleId"], each.get("Description"))
        return EmptyResult()

    return describe


def _describe(group: Any, identifier: str, description: str | None) -> None:
    rule = group.get_rule(identifier)
    if rule is None:
        raise InvalidSecurityGroupRuleIdNotFoundError(identifier)
    peer = _described(rule)
    peer.pop("Description", None)
    if description:
        peer["Description"] = description


def _described(rule: Any) -> dict[str, str]:
    """Where the description of a rule is: beside what it is for; moto keeps no more than the id of a prefix list."""
    peer: dict[str, str] = rule.ip_range or rule.source_group or rule.prefix_list
    return peer


_PORTS = {
    **dict.fromkeys(("tcp", "6", "udp", "17"), "TCP/UDP"),
    **dict.fromkeys(("icmp", "1"), "ICMP"),
}
"""The protocols whose rules have ports, or a type and a code, and what EC2 calls them."""
_ALL = dict.fromkeys(("icmpv6", "58"), -1)
"""What a rule without them has of these; of any other protocol it is for all ports."""


def _has_ports(protocol: Any) -> bool:
    """Ports, or types and codes."""
    name = str(protocol).lower()
    return name in _PORTS or name in _ALL


def _rule(
    self: Any, backend: Any, protocol: Any, group: str, low: Any, high: Any, *arguments: Any, **named: Any
) -> None:
    name = str(protocol).lower()
    if low is None or high is None:
        if name in _PORTS:
            raise InvalidParameterValue(
                f"Invalid value 'Must specify both from and to ports with {_PORTS[name]}.' for portRange."
            )
        low = high = _ALL.get(name, 0)
    _moto_rule(self, backend, protocol, group, low, high, *arguments, **named)
    if not _has_ports(protocol):
        self.from_port = self.to_port = None
    given = (each for each in (*arguments, *named.values()) if isinstance(each, dict) and "PrefixListId" in each)
    self.prefix_list = dict(next(given, {}))


def _load_amis(self: Any) -> None:
    """The images that can be booted here: those of `image/amis.json`."""
    for image in json.loads(_IMAGES.read_text(encoding="utf-8")):
        made = {**image, "owner_alias": "amazon", "creation_date": datetime.fromisoformat(image["creation_date"])}
        self.amis[made["ami_id"]] = Ami(self, **made)


def install() -> None:
    """Replace them."""
    SecurityGroupRule.__init__ = _rule
    SecurityGroupRule.description = property(lambda rule: _described(rule).get("Description"))
    models.EC2Backend.allocate_address = _allocate
    models.EC2Backend.create_network_interface = _create_interface
    models.EC2Backend.associate_vpc_cidr_block = _associate
    models.EC2Backend.modify_managed_prefix_list = _modify_list
    models.EC2Backend.modify_security_group_rules = _modify_rules
    models.EC2Backend._load_amis = _load_amis
    models.EC2Backend.create_vpc_endpoint = _create_vpc_endpoint
    models.EC2Backend.delete_nat_gateway = _delete_nat_gateway
    models.EC2Backend.delete_vpc_endpoints = _delete_vpc_endpoints
    SecurityGroups.update_security_group_rule_descriptions_ingress = _describing("ingress")
    SecurityGroups.update_security_group_rule_descriptions_egress = _describing("egress")
