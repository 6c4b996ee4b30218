"""No service's security group may reach the database any more: connecting to it times out, it is not refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.fault import Call, Cloud, EmptyTargetError, Json, Kind, Patience, Plan
from plugins.chaos.targets import security_groups
from plugins.chaos.targets.aurora import end_sessions, sessions


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupLockdown:
    """The rules are pointed at the database's own group, which nobody calls from: so they keep their ids, and the stack
    that made them its resources. Security groups are stateful: what is connected stays so. So the sessions are ended.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
    """

    name: str = "security-group-lockdown"
    title: str = "no service's security group may reach the database, and open sessions are ended"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = (
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "secretsmanager:GetSecretValue",
    )
    writes: tuple[str, ...] = ("ec2:ModifySecurityGroupRules",)
    group_output: str = "DatabaseSecurityGroupId"
    patience: Patience = field(default_factory=lambda: Patience(step_s=0.5))

    def plan(self, cloud: Cloud, at: float) -> Plan:
        group = cloud.output(self.group_output)
        rules = [each for each in security_groups.inbound(cloud, group) if each["ReferencedGroupId"] != group]
        if not rules:
            raise EmptyTargetError(f"no rule of {group} lets a service in; if it is locked down, run `cafe restore`")
        call = Call(action="ec2:ModifySecurityGroupRules", resource=security_groups.arn(cloud, group))
        backup: dict[str, Json] = {"group": group, "rules": rules}
        ids = tuple(rule["SecurityGroupRuleId"] for rule in rules)
        plan = Plan(fault=self.name, targets=ids, calls=(call,), undo=(call,), backup=backup, created_at=at)
        return plan.reaching(
            f"{len(rules)} of {len(rules)} rules by which services reach the database, all its sessions"
        )

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        security_groups.point(cloud, plan.saved("group"), plan.saved("rules"), at=plan.saved("group"))

        def still_connected() -> str | None:
            """Who connected while the rules were on their way is ended by the next look."""
            ended = end_sessions(cloud)
            return f"services go on connecting to the database: {ended} sessions were ended just now" if ended else None

        self.patience.until_clear(still_connected)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        if self.fingerprint(cloud, plan)["rules"] != plan.saved("rules"):
            security_groups.point(cloud, plan.saved("group"), plan.saved("rules"))

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """A service that could connect would: they connect anew with the next request."""
        return None if sessions(cloud) else "no service has a session at the database, and none begins one"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        rules = security_groups.inbound(cloud, plan.saved("group"))
        return {"rules": [rule for rule in rules if rule["SecurityGroupRuleId"] in plan.targets]}
