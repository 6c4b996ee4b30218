"""AWS::ElasticLoadBalancingV2: LoadBalancer, TargetGroup, Listener, ListenerRule; attributes, tags, full names."""

from infrastructure.embedded.stacks.resource_type import ITEM, REF, Each, ResourceType, Step, Tags, prop

_API = "elasticloadbalancing"
_TAGS = Tags("AddTags", "RemoveTags", {"ResourceArns": REF})
_HEALTH = (
    "HealthCheckEnabled",
    "HealthCheckIntervalSeconds",
    "HealthCheckPath",
    "HealthCheckPort",
    "HealthCheckProtocol",
    "HealthCheckTimeoutSeconds",
    "HealthyThresholdCount",
    "Matcher",
    "UnhealthyThresholdCount",
)

TYPES = (
    ResourceType(
        "AWS::ElasticLoadBalancingV2::LoadBalancer",
        _API,
        name="Name",
        create=Step("CreateLoadBalancer"),
        normal=lambda properties: {"Type": "application", "Scheme": "internet-facing", **properties},
        ref="LoadBalancers.LoadBalancerArn",
        describe=Step("DescribeLoadBalancers", {"LoadBalancerArns": REF}),
        item="LoadBalancers",
        attributes={
            "CanonicalHostedZoneID": "CanonicalHostedZoneId",
            "DNSName": "DNSName",
            "LoadBalancerArn": REF,
            "LoadBalancerFullName": lambda ref: ref.partition(":loadbalancer/")[2],
            "LoadBalancerName": "LoadBalancerName",
            "SecurityGroups": "SecurityGroups",
        },
        changes=(
            Step("SetSecurityGroups", {"LoadBalancerArn": REF}, ("SecurityGroups",)),
            Step(
                "ModifyLoadBalancerAttributes", {"LoadBalancerArn": REF}, ("LoadBalancerAttributes",), is_setting=True
            ),
        ),
        rename={"LoadBalancerAttributes": "Attributes"},
        tags=_TAGS,
        delete=Step("DeleteLoadBalancer", {"LoadBalancerArn": REF}),
    ),
    ResourceType(
        "AWS::ElasticLoadBalancingV2::TargetGroup",
        _API,
        name="Name",
        create=Step("CreateTargetGroup"),
        ref="TargetGroups.TargetGroupArn",
        describe=Step("DescribeTargetGroups", {"TargetGroupArns": REF}),
        item="TargetGroups",
        attributes={
            "LoadBalancerArns": "LoadBalancerArns",
            "TargetGroupArn": REF,
            "TargetGroupFullName": lambda ref: ref.rpartition(":")[2],
            "TargetGroupName": "TargetGroupName",
        },
        # As CloudFormation does, what the template no longer says is left as it was, but for the port of the checks.
        changes=(
            Step("ModifyTargetGroup", {"TargetGroupArn": REF}, _HEALTH, defaults={"HealthCheckPort": "traffic-port"}),
            Step("ModifyTargetGroupAttributes", {"TargetGroupArn": REF}, ("TargetGroupAttributes",), is_setting=True),
        ),
        rename={"TargetGroupAttributes": "Attributes"},
        elements=(Each("Targets", "RegisterTargets", "DeregisterTargets", {"TargetGroupArn": REF, "Targets": ITEM}),),
        tags=_TAGS,
        delete=Step("DeleteTargetGroup", {"TargetGroupArn": REF}),
    ),
    ResourceType(
        "AWS::ElasticLoadBalancingV2::Listener",
        _API,
        create=Step("CreateListener"),
        ref="Listeners.ListenerArn",
        attributes={"ListenerArn": REF},
        changes=(
            Step(
                "ModifyListener",
                {"ListenerArn": REF},
                ("Certificates", "DefaultActions", "Port", "Protocol", "SslPolicy"),
            ),
        ),
        tags=_TAGS,
        delete=Step("DeleteListener", {"ListenerArn": REF}),
    ),
    ResourceType(
        "AWS::ElasticLoadBalancingV2::ListenerRule",
        _API,
        create=Step("CreateRule"),
        ref="Rules.RuleArn",
        attributes={"IsDefault": "IsDefault", "RuleArn": REF},
        describe=Step("DescribeRules", {"RuleArns": REF}),
        item="Rules",
        changes=(
            Step("ModifyRule", {"RuleArn": REF}, ("Actions", "Conditions")),
            Step(
                "SetRulePriorities",
                on=("Priority",),
                where={"RulePriorities": [{"RuleArn": REF, "Priority": prop("Priority")}]},
            ),
        ),
        tags=_TAGS,
        delete=Step("DeleteRule", {"RuleArn": REF}),
    ),
)
