"""What groups have to do with load balancers: their instances become targets, are asked after, and leave."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from infrastructure.embedded.apis.autoscaling.problems import invalid
from infrastructure.embedded.apis.autoscaling.record import Group, Member
from infrastructure.embedded.gateway.operations import Operations
from infrastructure.embedded.gateway.refused import Refused

_MOTO = {"HealthCheckProtocol": "health_check_protocol", "HealthCheckPath": "health_check_path"}
"""What moto calls them, where it answers itself."""


class Balancers:
    """Calls on Elastic Load Balancing."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def targets(self, arns: Iterable[str]) -> list[str]:
        """The target groups, each once; refused when one of them is not there."""
        for arn in arns:
            try:
                self._operations.call("elasticloadbalancing", "DescribeTargetGroups", TargetGroupArns=[arn])
            except Exception as missing:
                raise invalid(f"Provided Target Group '{arn}' is not valid: {missing}") from missing
        return list(dict.fromkeys(arns))

    def register(self, group: Group, member: Member) -> None:
        """Make the instance a target of the group's target groups; one that is gone is left out."""
        for arn in group.target_groups:
            self._ask_balancer("RegisterTargets", arn, member)
        member.is_registered = True

    def deregister(self, group: Group, members: Iterable[Member], arns: Sequence[str] | None = None) -> None:
        for member in members:
            if member.is_registered:
                for arn in group.target_groups if arns is None else arns:
                    self._ask_balancer("DeregisterTargets", arn, member)
                member.is_registered = arns is not None

    def _ask_balancer(self, name: str, arn: str, member: Member) -> None:
        try:
            targets = [{"Id": member.instance}]
            self._operations.call("elasticloadbalancing", name, TargetGroupArn=arn, Targets=targets)
        except Refused as refused:
            if refused.code not in ("TargetGroupNotFound", "InvalidTarget"):
                raise

    def health(self, group: Group, member: Member) -> str:
        """What the load balancers say: the worst of it; healthy without any."""
        states = set()
        for arn in group.target_groups if member.is_registered else ():
            targets = [{"Id": member.instance}]
            output = self._operations.call(
                "elasticloadbalancing", "DescribeTargetHealth", TargetGroupArn=arn, Targets=targets
            )
            states |= {each["TargetHealth"]["State"] for each in output["TargetHealthDescriptions"]}
        return next((each for each in ("unhealthy", "initial", "draining") if each in states), "healthy")

    def complaint(self, group: Group, member: Member) -> str:
        """What its failing health checks ask, and what they find, for a person; empty when none fails."""
        for arn in group.target_groups:
            targets = [{"Id": member.instance}]
            output = self._operations.call(
                "elasticloadbalancing", "DescribeTargetHealth", TargetGroupArn=arn, Targets=targets
            )
            for each in output["TargetHealthDescriptions"]:
                if each["TargetHealth"]["State"] == "unhealthy":
                    found = each["TargetHealth"].get("Description") or "it is unhealthy"
                    return f"{member.instance} was replaced, since its check of {self._checked(arn)} says: {found}"
        return ""

    def _checked(self, arn: str) -> str:
        [group] = self._operations.call("elasticloadbalancing", "DescribeTargetGroups", TargetGroupArns=[arn])[
            "TargetGroups"
        ]
        names = ("HealthCheckProtocol", "HealthCheckPath")
        found = (group.get(n) if isinstance(group, Mapping) else getattr(group, _MOTO[n], None) for n in names)
        return " ".join(str(part) for part in found if part)

    def delay_s(self, group: Group) -> float:
        """The longest deregistration delay of the group's target groups."""
        delays = [0.0]
        for arn in group.target_groups:
            output = self._operations.call("elasticloadbalancing", "DescribeTargetGroupAttributes", TargetGroupArn=arn)
            delays.append(float(_attributes(output["Attributes"]).get("deregistration_delay.timeout_seconds", 300)))
        return max(delays)


def _attributes(found: Any) -> Mapping[str, Any]:
    """By name; as members of the answer, or as moto keeps them."""
    return found if isinstance(found, Mapping) else {each["Key"]: each["Value"] for each in found}
