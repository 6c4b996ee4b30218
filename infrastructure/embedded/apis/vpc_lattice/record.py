"""What VPC Lattice keeps: networks, associations, services with listeners and rules, target groups with targets."""

import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Wire = Mapping[str, Any]
"""An action, a match or a setting in the shape in which it came."""


def now() -> datetime:
    """At this moment, as records have it."""
    return datetime.now(UTC)


def new_id(prefix: str) -> str:
    """`svc-0725375ee8851076b`."""
    return f"{prefix}-0{secrets.token_hex(8)}"


@dataclass(slots=True, kw_only=True, eq=False)
class Resource:
    """What all have in common."""

    id: str
    arn: str
    name: str = ""
    status: str = "ACTIVE"
    tags: dict[str, str] = field(default_factory=dict)
    created: datetime = field(default_factory=now)
    updated: datetime = field(default_factory=now)

    @property
    def is_there(self) -> bool:
        return self.status != "DELETE_IN_PROGRESS"

    def stamped(self, **members: object) -> dict[str, object]:
        """How it is told: `members` with who it is and since when, without what is not there."""
        own = {"id": self.id, "arn": self.arn, "createdAt": self.created, "lastUpdatedAt": self.updated}
        named = {"name": self.name} if self.name else {}
        return {**own, **named, **{name: value for name, value in members.items() if value is not None}}


@dataclass(slots=True, kw_only=True, eq=False)
class ServiceNetwork(Resource):
    """A network of services; `is_shared` as it was asked for, None when it was not."""

    is_shared: bool | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Association(Resource):
    """Of a network with a VPC or with a service. `groups`: the security groups that guard the way of a VPC's clients
    into the network; without any, all get in.
    """

    network: ServiceNetwork
    owner: str
    groups: tuple[str, ...] = ()

    def about_network(self) -> dict[str, object]:
        network = self.network
        return {
            "createdBy": self.owner,
            "status": self.status,
            "serviceNetworkId": network.id,
            "serviceNetworkName": network.name,
            "serviceNetworkArn": network.arn,
        }


@dataclass(slots=True, kw_only=True, eq=False)
class VpcAssociation(Association):
    """The clients of a VPC get into the network."""

    vpc: str


@dataclass(slots=True, kw_only=True, eq=False)
class ServiceAssociation(Association):
    """A service is found in the network."""

    service: "LatticeService"


@dataclass(slots=True, kw_only=True, eq=False)
class LatticeRule(Resource):
    """One rule; the default one has no match and comes last."""

    action: Wire
    match: Wire = field(default_factory=dict)
    priority: int = 0

    @property
    def is_default(self) -> bool:
        return not self.match


@dataclass(slots=True, kw_only=True, eq=False)
class LatticeListener(Resource):
    """A port of a service, with its rules by id and the one for what fits none of them."""

    protocol: str
    port: int
    default: LatticeRule
    rules: dict[str, LatticeRule] = field(default_factory=dict)

    @property
    def in_order(self) -> list[LatticeRule]:
        """As they are tried."""
        return [*sorted(self.rules.values(), key=lambda rule: rule.priority), self.default]


@dataclass(slots=True, kw_only=True, eq=False)
class LatticeService(Resource):
    """A service; `address` is its domain name."""

    address: str
    idle_timeout_s: int = 60
    listeners: dict[str, LatticeListener] = field(default_factory=dict)

    @property
    def groups(self) -> frozenset[str]:
        """The ids of the target groups that it sends to."""
        rules = (rule for listener in self.listeners.values() for rule in listener.in_order)
        return frozenset(identity for rule in rules for identity, _ in shares(rule.action))


@dataclass(slots=True, kw_only=True, eq=False)
class LatticeTargetGroup(Resource):
    """A target group; `config` as it is told: with every default, health checks included."""

    type: str
    config: dict[str, Any]

    @property
    def upstream(self) -> str:
        """Its name in the data plane."""
        return f"lattice-{self.id}"

    @property
    def is_checked(self) -> bool:
        return bool(self.config.get("healthCheck", {}).get("enabled"))


def shares(action: Wire) -> Iterator[tuple[str, int]]:
    """The ids of the target groups that an action forwards to, with their weights; a single one has 100."""
    for each in action.get("forward", {}).get("targetGroups", ()):
        yield last(each["targetGroupIdentifier"]), int(each.get("weight", 100))


def last(identifier: str) -> str:
    """The id in an ARN, or the id itself."""
    return identifier.rpartition("/")[2]


def tagged(resources: Iterable[Resource]) -> Iterator[tuple[str, Mapping[str, str]]]:
    """ARN and tags of each that has some."""
    return ((each.arn, each.tags) for each in resources if each.tags)
