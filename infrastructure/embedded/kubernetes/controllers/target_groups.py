"""What a cluster asks of load balancers' target groups; who has them is the cloud's, not the cluster's."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """An address and a port of a target group."""

    address: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetHealth:
    """What the load balancer says of a target; `reason` and `description` are empty when it is healthy."""

    state: str
    reason: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetGroup:
    """A target group. `type` is that of its targets: `ip`, `instance` …"""

    type: str
    vpc: str
    address_type: str = "ipv4"


class TargetGroupError(Exception):
    """What the cloud refuses with, code and words; for a person."""


class TargetGroups(Protocol):
    """The target groups of the cloud, by ARN. Every call may raise `TargetGroupError`."""

    def group(self, arn: str) -> TargetGroup: ...

    def targets(self, arn: str) -> Mapping[Target, TargetHealth]:
        """Those that are registered; one that drains is not."""

    def register(self, arn: str, targets: Collection[Target]) -> None: ...

    def deregister(self, arn: str, targets: Collection[Target]) -> None: ...


class NoTargetGroups:
    """Of a cluster without a cloud."""

    def group(self, arn: str) -> TargetGroup:
        raise TargetGroupError(f"TargetGroupNotFound: no target group {arn}: the cluster is in no cloud")

    def targets(self, arn: str) -> Mapping[Target, TargetHealth]:
        self.group(arn)
        return {}

    def register(self, arn: str, targets: Collection[Target]) -> None:
        del targets
        self.group(arn)

    def deregister(self, arn: str, targets: Collection[Target]) -> None:
        del targets
        self.group(arn)
