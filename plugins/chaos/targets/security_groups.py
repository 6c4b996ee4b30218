"""The rules of a security group that let other groups in, as the faults see and change them."""

from collections.abc import Mapping, Sequence
from typing import Any

from plugins.chaos.fault import Cloud, EmptyTargetError
from services.catalog import SERVICES

Rule = Mapping[str, Any]  # boto3 types its answers in stubs only

_KEPT = ("SecurityGroupRuleId", "IpProtocol", "FromPort", "ToPort", "Description")


_GUARDS = {"aurora-writer": "DatabaseSecurityGroupId", "documentdb": "DocumentSecurityGroupId"}
"""The stack output with the security group before each database, by the upstream of the edges to it."""


def before_databases() -> tuple[str, ...]:
    """The outputs with the security groups of the databases that services of the catalogue call."""
    upstreams = {edge.upstream for service in SERVICES for edge in service.edges}
    return tuple(output for upstream, output in _GUARDS.items() if upstream in upstreams)


def arn(cloud: Cloud, group: str) -> str:
    """The group's ARN, which IAM knows it by."""
    return str(cloud.client("ec2").describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["SecurityGroupArn"])


def inbound(cloud: Cloud, group: str) -> list[Rule]:
    """The inbound rules for other groups, sorted by id; `ReferencedGroupId` is the group that each of them lets in."""
    filters = [{"Name": "group-id", "Values": [group]}]
    found = cloud.client("ec2").describe_security_group_rules(Filters=filters, MaxResults=1000)["SecurityGroupRules"]
    return [
        {key: rule[key] for key in _KEPT if key in rule} | {"ReferencedGroupId": rule["ReferencedGroupInfo"]["GroupId"]}
        for rule in sorted(found, key=lambda each: str(each["SecurityGroupRuleId"]))
        if not rule["IsEgress"] and rule.get("ReferencedGroupInfo")
    ]


def admitting(cloud: Cloud, group: str) -> list[Rule]:
    """The inbound rules that let in any other group; `EmptyTargetError` without one."""
    found = [rule for rule in inbound(cloud, group) if rule["ReferencedGroupId"] != group]
    if not found:
        raise EmptyTargetError(f"no rule of {group} lets a service in; if it is locked down, run `cafe restore`")
    return found


def point(cloud: Cloud, group: str, rules: Sequence[Rule], *, at: str = "") -> None:
    """Let every one of `rules` let in the group `at`; whom it names itself, without one. Their ids stay."""
    changed = [
        {"SecurityGroupRuleId": rule["SecurityGroupRuleId"], "SecurityGroupRule": _body(rule, at)} for rule in rules
    ]
    cloud.client("ec2").modify_security_group_rules(GroupId=group, SecurityGroupRules=changed)


def _body(rule: Rule, at: str) -> dict[str, Any]:
    body = {key: value for key, value in rule.items() if key != "SecurityGroupRuleId"}
    return {**body, "ReferencedGroupId": at} if at else body
