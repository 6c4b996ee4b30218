"""No service's security group may reach a database any more: connecting to it times out, it is not refused."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from plugins.chaos.fault import Call, Cloud, Json, Kind, Patience, Plan
from plugins.chaos.targets import security_groups
from plugins.chaos.targets.aurora import end_sessions, sessions

_MODIFY = "ec2:ModifySecurityGroupRules"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecurityGroupLockdown:
    """The rules are pointed at a database's own group, which nobody calls from: so they keep their ids, and the stack
    that made them its resources. Security groups are stateful: what is connected stays so. So Aurora's sessions are
    ended; DocumentDB lets nobody end those of others, and is cut off from who connects anew.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/security-group-connection-tracking.html
    """

    name: str = "security-group-lockdown"
    title: str = "no service's security group may reach a database, and open sessions of Aurora are ended"
    kind: Kind = "reversible"
    reads: tuple[str, ...] = (
        "ec2:DescribeSecurityGroupRules",
        "ec2:DescribeSecurityGroups",
        "secretsmanager:GetSecretValue",
    )
    writes: tuple[str, ...] = (_MODIFY,)
    groups: tuple[str, ...] = field(default_factory=security_groups.before_databases)
    """The stack outputs that name them."""
    patience: Patience = field(default_factory=lambda: Patience(step_s=0.5))

    def plan(self, cloud: Cloud, at: float) -> Plan:
        rules = {group: security_groups.admitting(cloud, group) for group in map(cloud.output, self.groups)}
        calls = tuple(Call(action=_MODIFY, resource=security_groups.arn(cloud, group)) for group in rules)
        backup: dict[str, Json] = {"rules": rules}
        ids = tuple(rule["SecurityGroupRuleId"] for each in rules.values() for rule in each)
        plan = Plan(fault=self.name, targets=ids, calls=calls, undo=calls, backup=backup, created_at=at)
        return plan.reaching(
            f"{len(ids)} of {len(ids)} rules by which services reach databases, all sessions of Aurora"
        )

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        for group, rules in plan.saved("rules").items():
            security_groups.point(cloud, group, rules, at=group)

        def still_connected() -> str | None:
            """Who connected while the rules were on their way is ended by the next look."""
            ended = end_sessions(cloud)
            return f"services go on connecting to the database: {ended} sessions were ended just now" if ended else None

        self.patience.until_clear(still_connected)

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        now = self.fingerprint(cloud, plan)
        for group, rules in plan.saved("rules").items():
            if now[group] != rules:
                security_groups.point(cloud, group, rules)

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        """A service that could connect would: they connect anew with the next request."""
        return None if sessions(cloud) else "no service has a session at Aurora, and none begins one"

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        """Those of the plan's rules that are there, by their group."""
        found = {group: security_groups.inbound(cloud, group) for group in plan.saved("rules")}
        return {
            name: [one for one in all_ if one["SecurityGroupRuleId"] in plan.targets] for name, all_ in found.items()
        }
