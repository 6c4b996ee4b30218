"""The cloud's target groups as a cluster's load balancer controller uses them: targets by the calls that anybody makes.

A group must have the tag `eks:eks-cluster-name` with the cluster's name before its targets may be changed, as the
managed policy AmazonEKSLoadBalancingPolicy of a cluster's role has it.
"""

from collections.abc import Collection, Mapping
from typing import Any

from infrastructure.embedded.gateway.operations import Operations, Output
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.kubernetes.controllers.target_groups import (
    Target,
    TargetGroup,
    TargetGroupError,
    TargetHealth,
)

_TAG = "eks:eks-cluster-name"


class TargetGroups:
    """Over the load balancing API, for the cluster called `cluster`, whose role is `role` (an ARN).

    `records` are moto's of load balancing (5.2): `target_groups` by ARN, and the tags.
    """

    def __init__(self, operations: Operations, records: Any, cluster: str, role: str) -> None:
        self._operations = operations
        self._records = records
        self._cluster = cluster
        self._role = role

    def group(self, arn: str) -> TargetGroup:
        found = self._records.target_groups.get(arn)
        if found is None:
            raise TargetGroupError(f"TargetGroupNotFound: One or more target groups not found: {arn}")
        return TargetGroup(type=found.target_type or "instance", vpc=found.vpc_id or "")

    def targets(self, arn: str) -> Mapping[Target, TargetHealth]:
        every = self._call("DescribeTargetHealth", TargetGroupArn=arn)["TargetHealthDescriptions"]
        return {
            Target(each["Target"]["Id"], int(each["Target"]["Port"])): _health(each["TargetHealth"])
            for each in every
            if each["TargetHealth"]["State"] != "draining"
        }

    def register(self, arn: str, targets: Collection[Target]) -> None:
        self._change("RegisterTargets", arn, targets)

    def deregister(self, arn: str, targets: Collection[Target]) -> None:
        self._change("DeregisterTargets", arn, targets)

    def _change(self, name: str, arn: str, targets: Collection[Target]) -> None:
        tags = self._records.tagging_service.list_tags_for_resource(arn)["Tags"]
        if {"Key": _TAG, "Value": self._cluster} not in tags:
            raise TargetGroupError(
                f"AccessDenied: {self._role} is not authorized to perform: elasticloadbalancing:{name} on resource: "
                f"{arn} because no identity-based policy allows it; give the target group the tag "
                f"{_TAG}={self._cluster} (AmazonEKSLoadBalancingPolicy)"
            )
        described = [{"Id": each.address, "Port": each.port} for each in targets]
        self._call(name, TargetGroupArn=arn, Targets=described)

    def _call(self, name: str, **members: Any) -> Output:
        try:
            return self._operations.call("elasticloadbalancing", name, **members)
        except Refused as problem:
            raise TargetGroupError(f"{problem.code}: {problem.message}") from problem


def _health(of: Mapping[str, Any]) -> TargetHealth:
    return TargetHealth(state=of["State"], reason=of.get("Reason") or "", description=of.get("Description") or "")
