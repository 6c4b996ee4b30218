"""A service's rule of the load balancer is sent to the standing empty target group: every request is answered 503."""

import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from infrastructure.errors import EnvironmentFault
from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Plan
from services.catalog import HttpService

_CHANGEABLE = ("Type", "Order", "TargetGroupArn", "ForwardConfig", "FixedResponseConfig", "RedirectConfig")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbRoutingFailure:
    """An ALB answers 503 by itself when a target group holds no target.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-troubleshooting.html#http-503-issues
    """

    service: HttpService
    name: str = "alb-routing-failure"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = ("elasticloadbalancing:DescribeRules", "elasticloadbalancing:DescribeTargetHealth")
    writes: tuple[str, ...] = ("elasticloadbalancing:ModifyRule",)
    empty_group_output: str = "MaintenanceTargetGroupArn"

    @property
    def title(self) -> str:
        return f"the load balancer's rule of the {self.service.name} service forwards to an empty target group"

    def plan(self, cloud: Cloud, at: float) -> Plan:
        rule, empty = cloud.output(self.service.key("RuleArn")), cloud.output(self.empty_group_output)
        actions = self._rule(cloud, rule)["actions"]
        if cloud.client("elbv2").describe_target_health(TargetGroupArn=empty)["TargetHealthDescriptions"]:
            raise EnvironmentFault(f"target group {empty} should be empty but has targets; deregister them first")
        if empty in str(actions):
            raise EmptyTargetError(f"rule {rule} forwards to the empty target group already; run `cafe restore`")
        call = Call(action="elasticloadbalancing:ModifyRule", resource=rule)
        backup: dict[str, Json] = {"rule": rule, "empty": empty, "actions": actions}
        plan = Plan(fault=self.name, targets=(rule,), calls=(call,), undo=(call,), backup=backup, created_at=at)
        return plan.reaching(f"every request to the {self.service.name} service through the load balancer")

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        action = {"Type": "forward", "TargetGroupArn": plan.saved("empty")}
        cloud.client("elbv2").modify_rule(RuleArn=plan.saved("rule"), Actions=[action])

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        cloud.client("elbv2").modify_rule(RuleArn=plan.saved("rule"), Actions=plan.saved("actions"))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        path = self.service.health_path
        url = cloud.endpoint("alb").rstrip("/") + path
        try:
            with urllib.request.urlopen(url, timeout=2.0) as answer:  # noqa: S310 - the platform's own http endpoint
                status: int = answer.status
        except urllib.error.HTTPError as refused:
            status = refused.code
        return f"GET {path} through the load balancer answers {status}" if status == 503 else None

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        return self._rule(cloud, plan.saved("rule"))

    def _rule(self, cloud: Cloud, arn: str) -> dict[str, Json]:
        rule = cloud.client("elbv2").describe_rules(RuleArns=[arn])["Rules"][0]
        actions: list[Json] = [{key: action[key] for key in _CHANGEABLE if key in action} for action in rule["Actions"]]
        return {"actions": actions, "conditions": rule["Conditions"], "priority": rule["Priority"]}
