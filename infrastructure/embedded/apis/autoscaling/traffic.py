"""The calls about what sends a group's instances requests: target groups, which traffic sources are another word for.

Source: https://docs.aws.amazon.com/autoscaling/ec2/userguide/attach-load-balancer-asg.html
"""

from collections.abc import Iterable, Sequence

from infrastructure.embedded.apis.autoscaling.groups import Groups, target_groups_of
from infrastructure.embedded.apis.autoscaling.problems import invalid, listed
from infrastructure.embedded.apis.autoscaling.record import Group
from infrastructure.embedded.gateway.operations import Members, Output, operation


class Traffic:
    """The operations; `groups` holds the records."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    @operation("AttachLoadBalancerTargetGroups", effect="instances in service become its targets")
    def _attach_groups(self, given: Members) -> Output:
        self._attach(self._groups.named(given), given["TargetGroupARNs"])
        return {}

    @operation("DetachLoadBalancerTargetGroups", effect="its instances are targets no more")
    def _detach_groups(self, given: Members) -> Output:
        self._detach(self._groups.named(given), given["TargetGroupARNs"])
        return {}

    @operation("DescribeLoadBalancerTargetGroups")
    def _describe_groups(self, given: Members) -> Output:
        group = self._groups.named(given)
        found = [{"LoadBalancerTargetGroupARN": arn, "State": _state(group)} for arn in group.target_groups]
        shown, token = listed(found, given)
        return {"LoadBalancerTargetGroups": shown, "NextToken": token}

    @operation("AttachTrafficSources", effect="instances in service become its targets")
    def _attach_sources(self, given: Members) -> Output:
        self._attach(self._groups.named(given), target_groups_of(given["TrafficSources"]))
        return {}

    @operation("DetachTrafficSources", effect="its instances are targets no more")
    def _detach_sources(self, given: Members) -> Output:
        self._detach(self._groups.named(given), target_groups_of(given["TrafficSources"]))
        return {}

    @operation("DescribeTrafficSources")
    def _describe_sources(self, given: Members) -> Output:
        group = self._groups.named(given)
        arns = group.target_groups if given.get("TrafficSourceType", "elbv2") == "elbv2" else ()
        found = [{"TrafficSource": a, "Identifier": a, "Type": "elbv2", "State": _state(group)} for a in arns]
        shown, token = listed(found, given)
        return {"TrafficSources": shown, "NextToken": token}

    def _attach(self, group: Group, arns: Sequence[str]) -> None:
        group.target_groups = list(dict.fromkeys([*group.target_groups, *self._groups.balancers.targets(arns)]))
        for each in group.members.values():
            each.is_registered = False

    def _detach(self, group: Group, arns: Iterable[str]) -> None:
        for arn in arns:
            if arn not in group.target_groups:
                raise invalid(f"Trying to remove Target Groups that are not part of the group: {arn}")
            group.target_groups.remove(arn)
            self._groups.balancers.deregister(group, group.members.values(), (arn,))


def _state(group: Group) -> str:
    return "InService" if any(each.is_registered for each in group.members.values()) else "Added"
