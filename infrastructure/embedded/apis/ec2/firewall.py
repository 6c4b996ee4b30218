"""What security groups let through: outbound rules of the source's groups, and inbound ones of the target's.

A rule fits by protocol, port, and peer: another group, or an address range or prefix list that holds all of the peer's
subnets. What stands outside of the VPC is in no group, and is reached from VPCs that have a way to it alone.
Sources: https://docs.aws.amazon.com/vpc/latest/userguide/security-group-rules.html
https://docs.aws.amazon.com/vpc-lattice/latest/ug/security-groups.html
"""

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from infrastructure.embedded.network.edges import Place

Record = Any  # moto's groups, rules and subnets, which publish no types


class Firewall:
    """Reads the groups of EC2's back end, as they are when it is asked."""

    def __init__(self, backend: Record) -> None:
        self._backend = backend

    def permits(self, source: Place, target: Place) -> bool:
        """Whether a TCP connection from the source to the target's port comes about."""
        out = (rule for group in self._groups(source) for rule in group.egress_rules)
        if not self._fits(out, target.port, target):
            return False
        if not target.blocks:
            return self._lets_in(source, target)
        homes = {group.vpc_id for group in self._groups(source)}
        ways = [groups for vpc, groups in target.ways if vpc in homes]
        return any(not groups or self._lets_in(source, replace(target, groups=groups)) for groups in ways)

    def _lets_in(self, source: Place, target: Place) -> bool:
        into = (rule for group in self._groups(target) for rule in group.ingress_rules)
        return self._fits(into, target.port, source)

    def _fits(self, rules: Iterable[Record], port: int, peer: Place) -> bool:
        return any(_is_about(rule, port) and self._is_for(rule, peer) for rule in rules)

    def _is_for(self, rule: Record, peer: Place) -> bool:
        if rule.source_group:
            return not peer.blocks and rule.source_group.get("GroupId") in peer.groups
        allowed = [ipaddress.IPv4Network(each, strict=False) for each in self._ranges(rule)]
        blocks = [ipaddress.IPv4Network(each) for each in self._blocks(peer)]
        return bool(blocks) and all(any(each.subnet_of(one) for one in allowed) for each in blocks)

    def _ranges(self, rule: Record) -> Iterator[str]:
        """The address range of a rule, or those of its prefix list."""
        if rule.cidr_ipv4:
            yield rule.cidr_ipv4
        listed = self._backend.managed_prefix_lists.get(rule.prefix_list.get("PrefixListId"))
        if listed is not None and listed.address_family == "IPv4":
            yield from (entry["Cidr"] for entry in max(listed.entries.items(), key=lambda each: each[0] or 0)[1])

    def _blocks(self, place: Place) -> Iterator[str]:
        """The address ranges of its own, or of its subnets; of the whole VPC where the subnets are not known."""
        if place.blocks:
            yield from place.blocks
            return
        known = {name: subnet for subnets in self._backend.subnets.values() for name, subnet in subnets.items()}
        yield from (known[name].cidr_block for name in place.subnets if name in known)
        if not place.subnets:
            yield from {self._backend.vpcs[g.vpc_id].cidr_block for g in self._groups(place) if g.vpc_id}

    def _groups(self, place: Place) -> list[Record]:
        found = (groups.get(name) for name in place.groups for groups in self._backend.groups.values())
        return [each for each in found if each is not None]


def _is_about(rule: Record, port: int) -> bool:
    if rule.ip_protocol == "-1":
        return True
    return bool(rule.ip_protocol == "tcp" and rule.from_port <= port <= rule.to_port)
