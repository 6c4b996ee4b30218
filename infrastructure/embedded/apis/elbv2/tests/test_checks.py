"""What AWS refuses, in its words, and what is answered over the wire. Nothing here needs a data plane."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from infrastructure.embedded.apis.elbv2.checks import Checks
from infrastructure.embedded.apis.elbv2.targets import Targets
from infrastructure.embedded.apis.elbv2.tests.load_balancing import Wire, fixed
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.pace import FAST
from infrastructure.embedded.tests.control import Control, run

NOWHERE = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/nowhere/0123456789abcdef"
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/none"
COGNITO = {"UserPoolArn": "arn:pool", "UserPoolClientId": "id", "UserPoolDomain": "cafe"}
LOGIN: Wire = {"Type": "authenticate-cognito", "Order": 1, "AuthenticateCognitoConfig": COGNITO}


class Balancer:
    """One application load balancer with an HTTP listener, a rule and a target group."""

    def __init__(self) -> None:
        self.control = Control()
        backends = self.control.backends
        checks = Checks(backends.elbv2, backends.operations, lambda _arn: None)
        backends.operations.bind("elasticloadbalancing", checks, Targets(backends.elbv2, FAST, lambda _: None))
        vpc = backends.ec2.create_vpc("10.0.0.0/16").id
        subnets = [
            backends.ec2.create_subnet(vpc, f"10.0.{n}.0/24", availability_zone=f"us-east-1{zone}").id
            for n, zone in enumerate("ab")
        ]
        [made] = self.call("CreateLoadBalancer", Name="shop", Subnets=subnets)["LoadBalancers"]
        self.arn = made.arn
        [group] = self.call("CreateTargetGroup", Name="orders", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")[
            "TargetGroups"
        ]
        self.group = group.arn
        [listener] = self.listen(80)["Listeners"]
        self.listener = listener.arn
        [rule] = self.rule({"Field": "path-pattern", "Values": ["/a*"]}, 10)["Rules"]
        self.known = rule.arn
        [self.default] = [each.arn for each in listener.rules.values() if each.is_default]

    def call(self, action: str, **members: Any) -> Any:
        return self.control.backends.operations.call("elasticloadbalancing", action, **members)

    def listen(self, port: int, protocol: str = "HTTP", *actions: Wire, **more: Any) -> Any:
        wanted = {"Protocol": protocol, "Port": port, "DefaultActions": list(actions) or [fixed("404")]}
        return self.call("CreateListener", LoadBalancerArn=self.arn, **wanted, **more)

    def rule(self, condition: Wire, priority: int = 20, *actions: Wire, **more: Any) -> Any:
        wanted = {"Conditions": [condition], "Priority": priority, "Actions": list(actions) or [fixed("203")]}
        return self.call("CreateRule", ListenerArn=self.listener, **wanted, **more)

    def attribute(self, key: str, value: str) -> Any:
        attributes = [{"Key": key, "Value": value}]
        if key.startswith("idle"):
            return self.call("ModifyLoadBalancerAttributes", LoadBalancerArn=self.arn, Attributes=attributes)
        return self.call("ModifyTargetGroupAttributes", TargetGroupArn=self.group, Attributes=attributes)


PATH = {"Field": "path-pattern", "Values": ["/b*"]}
REGEX = {"Field": "path-pattern", "PathPatternConfig": {"RegexValues": ["^/b.*"]}}
REFUSALS: Mapping[str, tuple[Callable[[Balancer], Any], str]] = {
    "default rule deleted": (
        lambda b: b.call("DeleteRule", RuleArn=b.default),
        "OperationNotPermitted: Default rule '.*' cannot be deleted",
    ),
    "default rule changed": (
        lambda b: b.call("ModifyRule", RuleArn=b.default, Actions=[fixed("200")]),
        "OperationNotPermitted: Default rule '.*' cannot be modified",
    ),
    "default rule moved": (
        lambda b: b.call("SetRulePriorities", RulePriorities=[{"RuleArn": b.default, "Priority": 5}]),
        "OperationNotPermitted",
    ),
    "unknown rule": (lambda b: b.call("DeleteRule", RuleArn=b.known + "0"), "One or more rules not found"),
    "HTTPS without certificate": (
        lambda b: b.listen(443, "HTTPS"),
        "ValidationError: A certificate must be specified for HTTPS listeners",
    ),
    "unknown certificate": (
        lambda b: b.listen(443, "HTTPS", Certificates=[{"CertificateArn": CERTIFICATE}]),
        "CertificateNotFound: Certificate '.*none' not found",
    ),
    "turned to HTTPS": (
        lambda b: b.call("ModifyListener", ListenerArn=b.listener, Protocol="HTTPS"),
        "ValidationError: A certificate must be specified for HTTPS listeners",
    ),
    "port in use": (
        lambda b: b.listen(80, "HTTP", fixed("503")),
        "DuplicateListener: A listener already exists on this port",
    ),
    "login on HTTP": (lambda b: b.listen(81, "HTTP", LOGIN, fixed("200")), "InvalidLoadBalancerAction: .*'HTTP'"),
    "login in a rule": (lambda b: b.rule(PATH, 20, LOGIN, fixed("200")), "InvalidLoadBalancerAction: .*'HTTP'"),
    "login put into a rule": (
        lambda b: b.call("ModifyRule", RuleArn=b.known, Actions=[LOGIN, fixed("200")]),
        "InvalidLoadBalancerAction: .*'HTTP'",
    ),
    "login put into a listener": (
        lambda b: b.call("ModifyListener", ListenerArn=b.listener, DefaultActions=[LOGIN, fixed("200")]),
        "InvalidLoadBalancerAction: .*'HTTP'",
    ),
    "unknown target group": (
        lambda b: b.call(
            "ModifyListener",
            ListenerArn=b.listener,
            DefaultActions=[{"Type": "forward", "TargetGroupArn": NOWHERE}],
        ),
        "TargetGroupNotFound: Target group '.*nowhere.*' not found",
    ),
    "targets of an unknown group": (
        lambda b: b.call("RegisterTargets", TargetGroupArn=NOWHERE, Targets=[{"Id": "127.0.0.1"}]),
        "TargetGroupNotFound: One or more target groups not found",
    ),
    "regular expression": (lambda b: b.rule(REGEX), "UnsupportedOperation: .*CreateRule with transforms or regular"),
    "transform": (
        lambda b: b.rule(PATH, Transforms=[{"Type": "url-rewrite"}]),
        "UnsupportedOperation: .*CreateRule with transforms or regular",
    ),
    "idle time-out": (
        lambda b: b.attribute("idle_timeout.timeout_seconds", "99999"),
        "InvalidConfigurationRequest: .*'99999' .* between 1 and 4000",
    ),
    "idle time-out of no number": (
        lambda b: b.attribute("idle_timeout.timeout_seconds", "long"),
        "InvalidConfigurationRequest: .*'long' .* between 1 and 4000",
    ),
    "deregistration delay": (
        lambda b: b.attribute("deregistration_delay.timeout_seconds", "-1"),
        "InvalidConfigurationRequest: .*'-1' .* between 0 and 3600",
    ),
    "algorithm": (
        lambda b: b.attribute("load_balancing.algorithm.type", "weighted_random"),
        "UnsupportedOperation: .*the algorithm 'weighted_random'",
    ),
    "slow start": (
        lambda b: b.attribute("slow_start.duration_seconds", "5"),
        "InvalidConfigurationRequest: .*'5' .* between 30 and 900",
    ),
    "flag": (
        lambda b: b.attribute("stickiness.enabled", "maybe"),
        "InvalidConfigurationRequest: .*'maybe' .* one of true, false",
    ),
    "choice": (
        lambda b: b.attribute("stickiness.type", "biscuit"),
        "InvalidConfigurationRequest: .*'biscuit' .* one of lb_cookie",
    ),
    "unknown attribute": (lambda b: b.attribute("nope", "1"), "InvalidConfigurationRequest: Key nope not valid"),
    "unknown attribute of a balancer": (
        lambda b: b.attribute("idle_timeout.nope", "1"),
        "Key idle_timeout.nope not valid",
    ),
    "TCP": (lambda b: b.listen(81, "TCP"), "UnsupportedOperation: .*TCP listeners"),
    "tags of nothing": (
        lambda b: b.call("DescribeTags", ResourceArns=[b.arn + "0"]),
        "The specified load balancer does not exist",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_aws_refuses_is_refused_in_its_words(name: str) -> None:
    asked, refusal = REFUSALS[name]
    balancer = Balancer()
    before = balancer.call("DescribeRules", ListenerArn=balancer.listener)
    with pytest.raises(Exception, match=refusal):
        asked(balancer)
    assert balancer.call("DescribeRules", ListenerArn=balancer.listener) == before
    assert len(balancer.call("DescribeListeners", LoadBalancerArn=balancer.arn)["Listeners"]) == 1


def test_a_protected_load_balancer_stays() -> None:
    balancer = Balancer()
    protection = [{"Key": "deletion_protection.enabled", "Value": "true"}]
    balancer.call("ModifyLoadBalancerAttributes", LoadBalancerArn=balancer.arn, Attributes=protection)
    with pytest.raises(Refused, match=r"OperationNotPermitted: .* because deletion protection is enabled"):
        balancer.call("DeleteLoadBalancer", LoadBalancerArn=balancer.arn)


@pytest.mark.parametrize("value", ["0", "30", "900"])
def test_slow_start_is_off_or_within_its_bounds(value: str) -> None:
    assert (
        Balancer().attribute("slow_start.duration_seconds", value)["Attributes"]["slow_start.duration_seconds"] == value
    )


def test_a_change_of_one_attribute_is_answered_with_all() -> None:
    balancer = Balancer()
    attributes = balancer.attribute("deregistration_delay.timeout_seconds", "20")["Attributes"]
    assert attributes["deregistration_delay.timeout_seconds"] == "20"
    assert "stickiness.enabled" in attributes


@pytest.mark.parametrize(
    "form",
    [{"Values": ["/b*"]}, {"PathPatternConfig": {"Values": ["/b*"]}}],
    ids=["short", "whole"],
)
def test_a_condition_is_answered_in_both_forms(form: Wire) -> None:
    balancer = Balancer()
    [rule] = balancer.rule({"Field": "path-pattern", **form})["Rules"]
    assert rule.conditions == [{"Field": "path-pattern", "Values": ["/b*"], "PathPatternConfig": {"Values": ["/b*"]}}]
    [changed] = balancer.call(
        "ModifyRule",
        RuleArn=rule.arn,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.example"]}}],
    )["Rules"]
    assert changed.conditions[0]["Values"] == ["a.example"]


def test_rules_and_health_are_what_sdks_read() -> None:
    async def scenario() -> None:
        balancer = Balancer()
        rules = await balancer.control.answer("elasticloadbalancing", "DescribeRules", ListenerArn=balancer.listener)
        assert b"<Values><member>/a*</member></Values><PathPatternConfig><Values>" in rules.body
        target = {"TargetGroupArn": balancer.group, "Targets.member.1.Id": "127.0.0.1", "Targets.member.1.Port": "8080"}
        registered = await balancer.control.answer("elasticloadbalancing", "RegisterTargets", **target)
        assert registered.is_success, registered.body
        health = await balancer.control.answer(
            "elasticloadbalancing", "DescribeTargetHealth", TargetGroupArn=balancer.group
        )
        assert b"<Target><Id>127.0.0.1</Id><Port>8080</Port></Target><HealthCheckPort>8080</HealthCheckPort>" in (
            health.body
        )
        assert b"<State>unused</State><Reason>Target.NotInUse</Reason>" in health.body

    run(scenario())
