"""VPC Lattice: its services become listeners, routes and upstreams of the data plane.

    records ──> listeners, rules ──> routes ┐
       └──────> target groups ──> targets ──┴──> Fragment "vpc-lattice" ──> Envoy
       └──────> associations ──> the ways in ──> edges `lattice-<name>`: permitted, or dark

A service is reached from the VPCs that are associated with one of its networks, if the caller's security groups let it
out to the addresses of Lattice, and those of the association let it in. From anywhere else `connect` times out: the
domain name leads to addresses that no route leads to. A rule whose target groups are empty is answered 503 at once.
"""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from infrastructure.embedded.apis.vpc_lattice import record as records
from infrastructure.embedded.apis.vpc_lattice.metrics import ServiceMetrics
from infrastructure.embedded.apis.vpc_lattice.networks import Networks
from infrastructure.embedded.apis.vpc_lattice.record import LatticeListener, LatticeService, LatticeTargetGroup
from infrastructure.embedded.apis.vpc_lattice.routes import routes
from infrastructure.embedded.apis.vpc_lattice.services import HTTP_PORT, Services
from infrastructure.embedded.apis.vpc_lattice.store import Store
from infrastructure.embedded.apis.vpc_lattice.targets import LatticeTarget, TargetGroups
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import is_platforms
from infrastructure.embedded.network.addresses import entrance, url
from infrastructure.embedded.network.edges import Place
from infrastructure.embedded.network.envoy.model import (
    LOOPBACK,
    Endpoint,
    Fragment,
    HttpListener,
    Upstream,
)
from infrastructure.embedded.network.health import Check, Health, HealthChecks, Policy

ADDRESSES = "169.254.171.0/24"
"""Of all services; the prefix list `com.amazonaws.<region>.vpc-lattice` has them."""
_KNOWN_AS = "Service"
"""The tag by which a service of the platform's own stacks says who in the catalogue it leads to."""


class VpcLatticeController:
    """HTTP listeners of services, and targets that are spoken to in plain HTTP/1.1."""

    name: ClassVar[str] = "vpc-lattice"
    watches: ClassVar[frozenset[str]] = frozenset({"vpc-lattice", "elasticloadbalancing", "ec2"})
    PARTS: ClassVar[tuple[type, ...]] = (Networks, Services, TargetGroups)

    def __init__(self, context: Context) -> None:
        self._context = context
        backends = context.backends
        self._store = Store(context.account, context.region)
        self._checks: HealthChecks[LatticeTarget] = HealthChecks(self._health_changed)
        self._targets = TargetGroups(
            self._store, backends.ec2, backends.elbv2, context.pace, self._checks.health, context.couplings
        )
        networks, services = Networks(self._store, backends.ec2), Services(self._store, self._url)
        backends.operations.bind(self.name, networks, services, self._targets)
        backends.operations.tag(lambda: records.tagged(self._store.everything()))
        self._ports: dict[str, int] = {}
        self._entrances: dict[str, Endpoint] = {}
        """Where clients find a listener, by its ARN."""
        self._known: set[str] = set()
        self._metrics = ServiceMetrics(context.metrics, context.envoy, self._store)
        self._announce()

    def _announce(self) -> None:
        """EC2 lists the addresses, for security groups to refer to."""
        ec2, name = self._context.backends.ec2, f"com.amazonaws.{self._context.region}.vpc-lattice"
        if name not in [each.prefix_list_name for each in ec2.managed_prefix_lists.values()]:
            ec2._create_aws_managed_prefix_list(name, "IPv4", [{"Cidr": ADDRESSES, "Description": ""}])

    async def reconcile(self, _key: str, /) -> float | None:
        """Make health checks and data plane follow the records; again when the next target has drained."""
        self._store.pass_on()
        drained_s = self._targets.forget_departed()
        self._checks.follow(self._wanted_checks())
        self._publish()
        return drained_s

    async def close(self) -> None:
        """Stop checking; Envoy is closed by its owner."""
        await self._metrics.asking.close()
        await self._checks.close()

    # --- from records to the data plane -------------------------------------------------------------------------------

    def _publish(self) -> None:
        carried = [(service, each) for service in self._store.services.values() for each in service.listeners.values()]
        self._place(carried)
        names = {group.id: group.upstream for group in self._store.groups.values()}
        listeners = tuple(each for service, one in carried for each in self._listeners(service, one, names))
        upstreams = tuple(
            Upstream(name=group.upstream, endpoints=self._targets.serving(group))
            for group in self._store.groups.values()
        )
        self._context.envoy.publish(self.name, Fragment(listeners=listeners, upstreams=upstreams))
        self._make_known()

    def _listeners(
        self, service: LatticeService, listener: LatticeListener, names: Mapping[str, str]
    ) -> Iterable[HttpListener]:
        """At its port on loopback, where the edges lead, and where its domain name does."""
        here, there = Endpoint(LOOPBACK, self._ports[listener.arn]), self._entrances[listener.arn]
        for number, place in enumerate(dict.fromkeys((here, there))):
            yield HttpListener(
                name=f"{service.id}_{listener.id}_{number}",
                host=place.host,
                port=place.port,
                routes=routes(listener, names),
                public_port=listener.port,
                group=service.id,
                idle_timeout_s=float(service.idle_timeout_s),
                kind="lattice",
            )

    def _place(self, carried: list[tuple[LatticeService, LatticeListener]]) -> None:
        """A listener keeps its port, and the place where clients find it, as long as it exists."""
        addresses = {listener.arn: (service.address, listener.port) for service, listener in carried}
        for arn in self._ports.keys() - addresses.keys():
            self._context.ports.release(self._ports.pop(arn))
            del self._entrances[arn]
        for arn in addresses.keys() - self._ports.keys():
            self._ports[arn] = self._context.ports.allocate()
            self._entrances[arn] = entrance(*addresses[arn], self._ports[arn])

    def _url(self, arn: str) -> str | None:
        found = self._entrances.get(arn)
        return url(found) if found is not None else None

    def _make_known(self) -> None:
        """The platform's own services by the names of the catalogue's edges; one that is gone leads nowhere."""
        known = {}
        for service in reversed(self._store.services.values()):
            if service.is_there and is_platforms(service.tags) and _KNOWN_AS in service.tags:
                known[f"lattice-{service.tags[_KNOWN_AS]}"] = service
        for name, service in known.items():
            self._context.network.set_upstream(name, self._front(service), self._where(service))
        for name in self._known - known.keys():
            self._context.network.set_upstream(name, ())
        self._known = set(known)

    def _front(self, service: LatticeService) -> tuple[Endpoint, ...]:
        """Where edges lead: the listener at HTTP's port, or the first one."""
        listeners = sorted(service.listeners.values(), key=lambda each: each.port != HTTP_PORT)
        return tuple(Endpoint(LOOPBACK, self._ports[each.arn]) for each in listeners[:1])

    def _where(self, service: LatticeService) -> Place:
        networks = [each.network for each in self._store.service_associations.values() if each.service is service]
        associations = [each for each in self._store.vpc_associations.values() if each.network in networks]
        ways = tuple((each.vpc, each.groups) for each in associations)
        return Place(port=HTTP_PORT, blocks=(ADDRESSES,), ways=ways)

    # --- health -------------------------------------------------------------------------------------------------------

    def _wanted_checks(self) -> Mapping[LatticeTarget, Check]:
        """Targets of groups that a service sends to are checked, and no others."""
        groups = [each for each in self._store.groups.values() if each.is_checked and self._targets.is_used(each)]
        return {
            target: Check(endpoint=self._checked_at(target, group), policy=self._policy(group))
            for group in groups
            for target in self._targets.registered(group.id)
        }

    def _checked_at(self, target: LatticeTarget, group: LatticeTargetGroup) -> Endpoint | None:
        endpoint, port = self._targets.endpoint(target, group), group.config["healthCheck"].get("port")
        return Endpoint(endpoint.host, port) if endpoint is not None and port and group.type == "IP" else endpoint

    def _policy(self, group: LatticeTargetGroup) -> Policy:
        check = group.config["healthCheck"]
        return Policy(
            protocol="HTTP",
            path=check["path"],
            interval_s=float(check["healthCheckIntervalSeconds"]),
            timeout_s=float(check["healthCheckTimeoutSeconds"]),
            healthy_threshold=check["healthyThresholdCount"],
            unhealthy_threshold=check["unhealthyThresholdCount"],
            codes=check["matcher"]["httpCode"],
        ).at(self._context.pace)

    def _health_changed(self, _target: LatticeTarget, _health: Health) -> None:
        self._context.wake(self.name)
