"""Which security groups let a connection through: the source's rules out, and the target's rules in."""

from typing import Any

import pytest

from infrastructure.embedded.apis.ec2.firewall import Firewall
from infrastructure.embedded.network.edges import Place
from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.tests.control import REGION, Control

ANYWHERE = {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


class Vpc:
    """Two subnets, and two groups of which the source lets everything out, as AWS makes them."""

    def __init__(self) -> None:
        self.backend = Control().backends.ec2
        assert self.backend.vpcs
        self.call = ApiCalls(REGION)
        self.id = self.call("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        self.subnets = tuple(
            str(self.call("ec2", "CreateSubnet", VpcId=self.id, CidrBlock=f"10.0.{n}.0/24")["Subnet"]["SubnetId"])
            for n in (1, 2)
        )
        self.app, self.db = self._group("app"), self._group("db")

    def _group(self, name: str) -> str:
        made = self.call("ec2", "CreateSecurityGroup", GroupName=name, Description=name, VpcId=self.id)
        return str(made["GroupId"])

    def rule(self, action: str, group: str, peer: dict[str, Any], low: int = 5432, high: int = 5432) -> None:
        permission = {"IpProtocol": "tcp", "FromPort": low, "ToPort": high, **peer}
        self.call("ec2", f"{action}SecurityGroupIngress", GroupId=group, IpPermissions=[permission])

    def permits(self, *subnets: str) -> bool:
        source = Place(groups=(self.app,), subnets=subnets or self.subnets)
        return Firewall(self.backend).permits(source, Place(groups=(self.db,), port=5432))


@pytest.fixture
def vpc() -> Vpc:
    return Vpc()


def test_nothing_comes_in_without_a_rule(vpc: Vpc) -> None:
    assert not vpc.permits()


def test_a_rule_for_the_sources_group_lets_it_in_until_it_is_revoked(vpc: Vpc) -> None:
    peer = {"UserIdGroupPairs": [{"GroupId": vpc.app}]}
    vpc.rule("Authorize", vpc.db, peer)
    assert vpc.permits()
    vpc.rule("Revoke", vpc.db, peer)
    assert not vpc.permits()


def test_a_rule_that_is_pointed_at_another_group_lets_that_one_in(vpc: Vpc) -> None:
    vpc.rule("Authorize", vpc.db, {"UserIdGroupPairs": [{"GroupId": vpc.app, "Description": "the app"}]})
    [rule] = list(vpc.backend.get_security_group_by_name_or_id(vpc.db).ingress_rules)
    body = {"IpProtocol": "tcp", "FromPort": 5432, "ToPort": 5432, "Description": "nobody", "ReferencedGroupId": vpc.db}
    changed = {"SecurityGroupRuleId": rule.id, "SecurityGroupRule": body}
    vpc.call("ec2", "ModifySecurityGroupRules", GroupId=vpc.db, SecurityGroupRules=[changed])
    assert not vpc.permits()
    [shown] = vpc.call("ec2", "DescribeSecurityGroupRules", SecurityGroupRuleIds=[rule.id])["SecurityGroupRules"]
    assert (shown["ReferencedGroupInfo"]["GroupId"], shown["Description"]) == (vpc.db, "nobody")


def test_a_rule_for_another_group_lets_nobody_else_in(vpc: Vpc) -> None:
    vpc.rule("Authorize", vpc.db, {"UserIdGroupPairs": [{"GroupId": vpc.db}]})
    assert not vpc.permits()


def test_a_rule_is_about_its_ports(vpc: Vpc) -> None:
    vpc.rule("Authorize", vpc.db, ANYWHERE, 5433, 6000)
    assert not vpc.permits()
    vpc.rule("Authorize", vpc.db, ANYWHERE, 5000, 5432)
    assert vpc.permits()


def test_a_range_must_hold_all_of_the_sources_subnets(vpc: Vpc) -> None:
    vpc.rule("Authorize", vpc.db, {"IpRanges": [{"CidrIp": "10.0.1.0/24"}]})
    assert vpc.permits(vpc.subnets[0])
    assert not vpc.permits()


def test_the_source_must_let_it_out(vpc: Vpc) -> None:
    vpc.rule("Authorize", vpc.db, ANYWHERE)
    everything = {"IpProtocol": "-1", **ANYWHERE}
    vpc.call("ec2", "RevokeSecurityGroupEgress", GroupId=vpc.app, IpPermissions=[everything])
    assert not vpc.permits()


# --- what stands outside of every VPC, and is reached by a way that security groups guard -----------------------------

OUTSIDE = "169.254.171.0/24"


def outside(vpc: Vpc, *ways: tuple[str, tuple[str, ...]]) -> bool:
    source = Place(groups=(vpc.app,), subnets=vpc.subnets)
    return Firewall(vpc.backend).permits(source, Place(port=80, blocks=(OUTSIDE,), ways=ways))


def test_it_is_reached_from_a_vpc_that_has_a_way_alone(vpc: Vpc) -> None:
    assert not outside(vpc)
    assert not outside(vpc, ("vpc-other", ()))
    assert outside(vpc, ("vpc-other", ()), (vpc.id, ()))


def test_the_ways_security_groups_say_whose_packets_get_in(vpc: Vpc) -> None:
    way = (vpc.id, (vpc.db,))
    assert not outside(vpc, way)
    vpc.rule("Authorize", vpc.db, {"UserIdGroupPairs": [{"GroupId": vpc.app}]}, 80, 80)
    assert outside(vpc, way)


def test_the_source_must_let_it_out_to_the_addresses_not_to_the_ways_group(vpc: Vpc) -> None:
    everything = {"IpProtocol": "-1", **ANYWHERE}
    vpc.call("ec2", "RevokeSecurityGroupEgress", GroupId=vpc.app, IpPermissions=[everything])
    way = (vpc.id, ())
    assert not outside(vpc, way)
    http = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    to_group = {**http, "UserIdGroupPairs": [{"GroupId": vpc.db}]}
    vpc.call("ec2", "AuthorizeSecurityGroupEgress", GroupId=vpc.app, IpPermissions=[to_group])
    assert not outside(vpc, (vpc.id, (vpc.db,)))
    entry = {"Cidr": OUTSIDE, "Description": ""}
    listed = vpc.backend.create_managed_prefix_list("IPv4", [entry], "1", "outside").id
    to_list = {**http, "PrefixListIds": [{"PrefixListId": listed}]}
    vpc.call("ec2", "AuthorizeSecurityGroupEgress", GroupId=vpc.app, IpPermissions=[to_list])
    assert outside(vpc, way)
    vpc.call("ec2", "RevokeSecurityGroupEgress", GroupId=vpc.app, IpPermissions=[to_list])
    assert not outside(vpc, way)
