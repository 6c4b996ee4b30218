"""AWS::ElasticLoadBalancingV2: LoadBalancer, TargetGroup, Listener, ListenerRule; attributes, tags, full names."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import ITEM, REF, Each, ResourceType, Step, Tags, prop


def _type(noun: str, call: str = "", **more: Any) -> ResourceType:
    """What all have in common: an ARN, which is Ref, and calls that are called after them."""
    call = call or noun
    return ResourceType(
        f"AWS::ElasticLoadBalancingV2::{noun}",
        "elasticloadbalancing",
        key={f"{call}Arn": REF},
        create=Step(f"Create{call}"),
        ref=f"{call}s.{call}Arn",
        describe=Step(f"Describe{call}s"),
        item=f"{call}s",
        attributes={f"{call}Arn": REF, **more.pop("attributes", {})},
        tags=Tags("AddTags", "RemoveTags", {"ResourceArns": REF}),
        delete=Step(f"Delete{call}"),
        **more,
    )


TYPES = (
    _type(
        "LoadBalancer",
        name="Name",
        normal=lambda properties: {"Type": "application", "Scheme": "internet-facing", **properties},
        attributes={
            "CanonicalHostedZoneID": "CanonicalHostedZoneId",
            "LoadBalancerFullName": lambda ref: ref.partition(":loadbalancer/")[2],
            **{name: name for name in ("DNSName", "LoadBalancerName", "SecurityGroups")},
        },
        changes=(
            Step("SetSecurityGroups", ("SecurityGroups",)),
            Step("ModifyLoadBalancerAttributes", ("LoadBalancerAttributes",), is_setting=True),
        ),
        rename={"LoadBalancerAttributes": "Attributes"},
    ),
    _type(
        "TargetGroup",
        name="Name",
        attributes={
            "TargetGroupFullName": lambda ref: ref.rpartition(":")[2],
            **{name: name for name in ("LoadBalancerArns", "TargetGroupName")},
        },
        # As CloudFormation does, what the template no longer says is left as it was, but for the port of the checks.
        changes=(
            Step("ModifyTargetGroup", defaults={"HealthCheckPort": "traffic-port"}),
            Step("ModifyTargetGroupAttributes", ("TargetGroupAttributes",), is_setting=True),
        ),
        rename={"TargetGroupAttributes": "Attributes"},
        elements=(Each("Targets", "RegisterTargets", "DeregisterTargets", {"Targets": ITEM}),),
    ),
    _type(
        "Listener",
        changes=(Step("ModifyListener", ("Certificates", "DefaultActions", "Port", "Protocol", "SslPolicy")),),
    ),
    _type(
        "ListenerRule",
        "Rule",
        attributes={"IsDefault": "IsDefault"},
        changes=(
            Step("ModifyRule", ("Actions", "Conditions")),
            Step(
                "SetRulePriorities", ("Priority",), {"RulePriorities": [{"RuleArn": REF, "Priority": prop("Priority")}]}
            ),
        ),
    ),
)
