"""What EC2 deletes is gone, and what is said of a rule can change, whatever the rule is for."""

from typing import Any

import pytest

from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.tests.control import REGION, Control, run

TRAFFIC = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}


@pytest.fixture
def cloud() -> Any:
    """Its records; calls go to the cloud that was made last."""
    return Control().backends


@pytest.fixture
def ec2(cloud: Any) -> ApiCalls:
    assert cloud.ec2.vpcs
    return ApiCalls(REGION)


@pytest.fixture
def vpc(ec2: ApiCalls) -> str:
    return str(ec2("ec2", "CreateVpc", CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"])


def test_a_deleted_gateway_takes_its_interface_along(cloud: Any, ec2: ApiCalls, vpc: str) -> None:
    subnet = ec2("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    address = ec2("ec2", "AllocateAddress", Domain="vpc")["AllocationId"]
    gateway = ec2("ec2", "CreateNatGateway", SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
    assert ec2("ec2", "DeleteNatGateway", NatGatewayId=gateway)["NatGatewayId"] == gateway
    assert (dict(cloud.ec2.nat_gateways), dict(cloud.ec2.enis)) == ({}, {})


def test_a_deleted_endpoint_is_gone(cloud: Any, ec2: ApiCalls, vpc: str) -> None:
    service = f"com.amazonaws.{REGION}.s3"
    endpoint = ec2("ec2", "CreateVpcEndpoint", VpcId=vpc, ServiceName=service)["VpcEndpoint"]["VpcEndpointId"]
    ec2("ec2", "DeleteVpcEndpoints", VpcEndpointIds=[endpoint])
    assert dict(cloud.ec2.vpc_end_points) == {}


@pytest.mark.parametrize("direction", ["Ingress", "Egress"])
@pytest.mark.parametrize("peer", ["range", "group", "prefix list"])
def test_the_description_of_a_rule_changes_by_its_id(ec2: ApiCalls, vpc: str, direction: str, peer: str) -> None:
    group = ec2("ec2", "CreateSecurityGroup", GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    peers = {
        "range": {"IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": "first"}]},
        "group": {"UserIdGroupPairs": [{"GroupId": group, "Description": "first"}]},
        "prefix list": {"PrefixListIds": [{"PrefixListId": "pl-1", "Description": "first"}]},
    }
    added = ec2("ec2", f"AuthorizeSecurityGroup{direction}", GroupId=group, IpPermissions=[{**TRAFFIC, **peers[peer]}])
    rule = added["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    for said in ("second", None):
        described = {"SecurityGroupRuleId": rule} | ({"Description": said} if said else {})
        action = f"UpdateSecurityGroupRuleDescriptions{direction}"
        ec2("ec2", action, GroupId=group, SecurityGroupRuleDescriptions=[described])
        [found] = ec2("ec2", "DescribeSecurityGroupRules", SecurityGroupRuleIds=[rule])["SecurityGroupRules"]
        assert found.get("Description") == said


def test_a_rule_that_is_not_there_cannot_be_described(ec2: ApiCalls, vpc: str) -> None:
    group = ec2("ec2", "CreateSecurityGroup", GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    unknown = [{"SecurityGroupRuleId": "sgr-absent", "Description": "d"}]
    with pytest.raises(ApiError) as refused:
        ec2(
            "ec2",
            "UpdateSecurityGroupRuleDescriptionsIngress",
            GroupId=group,
            SecurityGroupRuleDescriptions=unknown,
        )
    assert refused.value.code == "InvalidSecurityGroupRuleId.NotFound"


@pytest.mark.parametrize("action", ["Authorize", "Revoke"])
@pytest.mark.parametrize(("protocol", "named"), [("tcp", "TCP/UDP"), ("17", "TCP/UDP"), ("icmp", "ICMP")])
def test_a_rule_of_a_protocol_with_ports_needs_them(
    ec2: ApiCalls, vpc: str, action: str, protocol: str, named: str
) -> None:
    group = ec2("ec2", "CreateSecurityGroup", GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": protocol, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    with pytest.raises(ApiError, match=f"Must specify both from and to ports with {named}.") as refused:
        ec2("ec2", f"{action}SecurityGroupEgress", GroupId=group, IpPermissions=[permission])
    assert refused.value.code == "InvalidParameterValue"


@pytest.mark.parametrize("protocol", ["icmpv6", "50", "-1"])
def test_a_rule_of_another_protocol_needs_no_ports(ec2: ApiCalls, vpc: str, protocol: str) -> None:
    group = ec2("ec2", "CreateSecurityGroup", GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": protocol, "UserIdGroupPairs": [{"GroupId": group}]}
    ec2("ec2", "AuthorizeSecurityGroupIngress", GroupId=group, IpPermissions=[permission])
    [kept] = ec2("ec2", "DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert kept["IpProtocol"] == protocol
    ec2("ec2", "RevokeSecurityGroupIngress", GroupId=group, IpPermissions=[permission])
    assert ec2("ec2", "DescribeSecurityGroups", GroupIds=[group])["SecurityGroups"][0]["IpPermissions"] == []


@pytest.mark.parametrize("action", ["AssociateVpcCidrBlock", "CreateSubnet"])
def test_a_network_needs_a_range(ec2: ApiCalls, vpc: str, action: str) -> None:
    with pytest.raises(ApiError) as refused:
        ec2("ec2", action, VpcId=vpc)
    assert refused.value.code == "MissingParameter"
    assert len(ec2("ec2", "DescribeVpcs", VpcIds=[vpc])["Vpcs"][0]["CidrBlockAssociationSet"]) == 1


def test_an_entry_that_is_not_there_cannot_be_replaced(ec2: ApiCalls, vpc: str) -> None:
    acl = ec2("ec2", "CreateNetworkAcl", VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    entry = {"RuleNumber": 7, "Protocol": "-1", "RuleAction": "deny", "Egress": False, "CidrBlock": "10.0.0.0/8"}
    for action, members in (("ReplaceNetworkAclEntry", entry), ("DeleteNetworkAclEntry", {})):
        with pytest.raises(ApiError) as refused:
            ec2("ec2", action, NetworkAclId=acl, **{"RuleNumber": 7, "Egress": False, **members})
        assert refused.value.code == "InvalidNetworkAclEntry.NotFound"


def test_a_prefix_list_keeps_its_name(ec2: ApiCalls, vpc: str) -> None:
    asked = {"PrefixListName": "menus", "MaxEntries": 2, "AddressFamily": "IPv4"}
    identity = ec2("ec2", "CreateManagedPrefixList", **asked)["PrefixList"]["PrefixListId"]
    changed = ec2("ec2", "ModifyManagedPrefixList", PrefixListId=identity, AddEntries=[{"Cidr": "10.0.0.0/8"}])
    assert changed["PrefixList"]["PrefixListName"] == "menus"


@pytest.mark.parametrize(
    "given", [{"PrivateIpAddress": "nope"}, {"PrivateIpAddresses": [{"PrivateIpAddress": "10.0.0.256"}]}]
)
def test_an_interface_takes_no_text_for_an_address(ec2: ApiCalls, vpc: str, given: dict[str, Any]) -> None:
    subnet = ec2("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    with pytest.raises(ApiError) as refused:
        ec2("ec2", "CreateNetworkInterface", SubnetId=subnet, **given)
    assert refused.value.code == "InvalidParameterValue"


def test_the_first_of_several_addresses_is_the_interfaces_own(ec2: ApiCalls, vpc: str) -> None:
    subnet = ec2("ec2", "CreateSubnet", VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    addresses = [{"PrivateIpAddress": "10.0.0.7"}, {"PrivateIpAddress": "10.0.0.8"}]
    made = ec2("ec2", "CreateNetworkInterface", SubnetId=subnet, PrivateIpAddresses=addresses)["NetworkInterface"]
    assert made["PrivateIpAddress"] == "10.0.0.7"


@pytest.mark.usefixtures("vpc")
def test_an_address_is_one(ec2: ApiCalls) -> None:
    with pytest.raises(ApiError, match="nope") as refused:
        ec2("ec2", "AllocateAddress", Address="nope")
    assert refused.value.code == "InvalidParameterValue"


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
    rule = _changed_rule(protocol, ports)
    assert (rule.ip_protocol, rule.from_port, rule.to_port) == (expected[0], expected[1], expected[1])


def test_tcp_needs_its_ports() -> None:
    with pytest.raises(AssertionError, match="and to ports with TCP"):
        _changed_rule("tcp", {})


def _changed_rule(protocol: str, ports: dict[str, int]) -> Any:
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
