"""Load balancers: what the control plane records becomes listeners, routes and upstreams of the data plane.

    records ──read──> listeners, rules ──> routes ┐
            └───────> target groups ──> targets ──┴──> Fragment "elbv2" ──> Envoy
                                          └──> health checks ──a change──> wake

A healthy target gets requests. With none healthy the unhealthy ones do (AWS: "the load balancer fails open"); those
whose first checks are under way do not. With neither: 503. A deregistered one goes on getting them for a moment, dead
or alive. A request under way at a target that is deregistered, or turns unhealthy, is finished; unlike on AWS it is not
cut off at the end of the deregistration delay.
"""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import ClassVar, Literal

from infrastructure.embedded.apis.elbv2 import record as records
from infrastructure.embedded.apis.elbv2.checks import Checks
from infrastructure.embedded.apis.elbv2.creation import Creation
from infrastructure.embedded.apis.elbv2.metrics import Directory, Hosts, LoadBalancerMetrics
from infrastructure.embedded.apis.elbv2.record import ListenerRecord, LoadBalancerRecord, TargetGroupRecord
from infrastructure.embedded.apis.elbv2.routes import routes
from infrastructure.embedded.apis.elbv2.targets import Target, Targets
from infrastructure.embedded.control.context import Context
from infrastructure.embedded.control.endpoints import is_platforms
from infrastructure.embedded.network.addresses import entrance, url
from infrastructure.embedded.network.envoy.model import (
    LOOPBACK,
    Endpoint,
    Fragment,
    HttpListener,
    Listener,
    TcpListener,
    Upstream,
)
from infrastructure.embedded.network.health import Check, Health, HealthChecks, Policy

OWNER = "elbv2"
HTTP_PORT = 80
_ENTRANCES = {("application", HTTP_PORT): "alb", ("network", HTTP_PORT): "nlb", ("network", 8081): "operations"}
"""What people and services call the platform's own listeners, which face the internet."""

_log = logging.getLogger(__name__)


class Elbv2Controller:
    """Application Load Balancers with HTTP listeners, Network Load Balancers with TCP ones; any other listener is
    refused before it comes here.

    An application's targets are spoken to in plain HTTP whatever their group's protocol; stickiness and slow start are
    recorded only. A network's nodes of both zones are one listener: cross-zone is on.
    """

    name: ClassVar[str] = "elasticloadbalancing"
    watches: ClassVar[frozenset[str]] = frozenset({"elasticloadbalancing"})
    PARTS: ClassVar[tuple[type, ...]] = (Checks, Creation, Targets)

    def __init__(self, context: Context) -> None:
        self._context = context
        self._backend = context.backends.elbv2
        self._checks: HealthChecks[Target] = HealthChecks(self._health_changed)
        self._targets = Targets(self._backend, context.pace, self._checks.health, self._instance)
        operations = context.backends.operations
        self._ports: dict[str, int] = {}
        self._entrances: dict[tuple[str, int], Endpoint] = {}
        """Where clients find a listener, by its ARN and the port it is configured with."""
        parts = (Checks(self._backend, operations, self._url), Creation(self._backend, operations))
        operations.bind(self.name, *parts, self._targets)
        self._refused: set[str] = set()
        context.couplings.balancer_endpoint = self._listening
        self._metrics = LoadBalancerMetrics(context.metrics, context.envoy, self._directory)

    async def reconcile(self, _key: str, /) -> float | None:
        """Make health checks and data plane follow the records; again when the next target has drained."""
        balancers, groups = self._read()
        in_use = records.groups_in_use(balancers)
        for arn, group in self._backend.target_groups.items():
            group.load_balancer_arns = list(in_use.get(arn, ()))  # moto only ever adds to it
        drained_s = self._targets.forget_departed()
        self._checks.follow(self._wanted_checks(groups, in_use))
        self._publish(balancers, groups)
        self._metrics.note_hosts()
        return drained_s

    async def close(self) -> None:
        """Stop checking; Envoy is closed by its owner."""
        await self._metrics.asking.close()
        await self._checks.close()

    def unsettled(self) -> tuple[str, ...]:
        """Which services' target groups cannot serve yet, for a person."""
        balancers, groups = self._read()
        in_use = records.groups_in_use(balancers)
        reasons = []
        for arn in sorted(in_use.keys() & groups.keys() & self._service_groups()):
            states = [self._targets.health(t, is_used=True).state for t in self._targets.registered((arn,))]
            if "initial" in states:
                reasons.append(f"{groups[arn].full_name}: first health checks are under way")
            elif "healthy" not in states:
                reasons.append(f"{groups[arn].full_name}: none of {len(states)} targets is healthy")
        return tuple(reasons)

    # --- from records to the data plane -------------------------------------------------------------------------------

    def _read(self) -> tuple[tuple[LoadBalancerRecord, ...], Mapping[str, TargetGroupRecord]]:
        groups = {arn: records.target_group(group) for arn, group in self._backend.target_groups.items()}
        return records.load_balancers(self._backend), groups

    def _publish(self, balancers: tuple[LoadBalancerRecord, ...], groups: Mapping[str, TargetGroupRecord]) -> None:
        carried = [(b, entry) for b in balancers for entry in b.listeners if self._is_carried(b, entry)]
        self._allocate_ports([entry.arn for _, entry in carried])
        self._place(carried)
        names = {arn: group.upstream for arn, group in groups.items()}
        listeners = [self._listener(balancer, entry, names) for balancer, entry in carried]
        listeners += [
            replace(listener, name=f"{listener.name}_{place.port}", host=place.host, port=place.port)
            for listener, (_, entry) in zip(tuple(listeners), carried, strict=True)
            if (place := self._entrances[entry.arn, entry.port]).host != LOOPBACK
        ]
        zonal = records.zonal(balancers, groups)
        upstreams = tuple(self._upstream(group, is_zonal=group.arn in zonal) for group in groups.values())
        self._context.envoy.publish(OWNER, Fragment(listeners=tuple(listeners), upstreams=upstreams))
        tags = self._backend.tagging_service.list_tags_for_resource
        for balancer, entry in reversed(carried):
            name = None if balancer.is_internal else _ENTRANCES.get((balancer.type, entry.port))
            if name is not None and is_platforms(tags(balancer.arn)["Tags"]):
                self._expose(name, self._ports[entry.arn])

    def _expose(self, name: str, port: int) -> None:
        """Of the platform's own: the address for people, and the edge by which services reach it."""
        self._context.network.expose(name, f"http://{LOOPBACK}:{port}")
        self._context.network.set_upstream(name, (Endpoint(LOOPBACK, port),))

    def _is_carried(self, balancer: LoadBalancerRecord, listener: ListenerRecord) -> bool:
        if (balancer.type, listener.protocol) in records.CARRIED:
            return True
        if listener.arn not in self._refused:
            self._refused.add(listener.arn)
            _log.warning("%s %s listener: recorded only", balancer.full_name, listener.protocol)
        return False

    def _listener(self, balancer: LoadBalancerRecord, listener: ListenerRecord, names: Mapping[str, str]) -> Listener:
        name = f"{balancer.group}_{listener.identifier}"
        if balancer.type == "network":
            group, _ = records.shares(listener.rules[-1].actions[-1])[0]
            return TcpListener(name=name, port=self._ports[listener.arn], upstream=names[group])
        return HttpListener(
            name=name,
            port=self._ports[listener.arn],
            routes=routes(listener, names),
            public_port=listener.port,
            group=balancer.group,
            idle_timeout_s=balancer.idle_timeout_s,
        )

    def _upstream(self, group: TargetGroupRecord, *, is_zonal: bool) -> Upstream:
        balance: Literal["round-robin", "least-requests"] = (
            "least-requests" if group.algorithm == "least_outstanding_requests" else "round-robin"
        )
        endpoints = self._targets.serving(group.arn)
        weights = self._targets.weights(group.arn, endpoints) if is_zonal and endpoints else ()
        return Upstream(name=group.upstream, endpoints=endpoints, weights=weights, balance=balance)

    def _allocate_ports(self, arns: Collection[str]) -> None:
        """A listener keeps its port as long as it exists."""
        for arn in self._ports.keys() - set(arns):
            self._context.ports.release(self._ports.pop(arn))
        for arn in arns:
            if arn not in self._ports:
                self._ports[arn] = self._context.ports.allocate()

    def _place(self, carried: Iterable[tuple[LoadBalancerRecord, ListenerRecord]]) -> None:
        """Clients find a listener where they found it before, unless it is configured with another port."""
        wanted = {(entry.arn, entry.port): balancer.address for balancer, entry in carried}
        standing = {key: found for key, found in self._entrances.items() if key in wanted}
        new = {
            (arn, port): entrance(host, port, self._ports[arn])
            for (arn, port), host in wanted.items()
            if (arn, port) not in standing
        }
        if self._entrances.keys() != wanted.keys():
            self._context.wake("vpc-lattice")  # whose services may send to this load balancer
        self._entrances = {**standing, **new}

    def _url(self, arn: str) -> str | None:
        """Where clients find the listener; None of one that nothing carries."""
        found = (place for (listener, _), place in self._entrances.items() if listener == arn)
        return next((url(place) for place in found), None)

    def _listening(self, balancer: str, port: int) -> Endpoint | None:
        """Where the load balancer's listener at this port is reached; None while there is none."""
        known = self._backend.load_balancers.get(balancer)
        arns = [arn for arn, each in known.listeners.items() if int(each.port) == port] if known is not None else []
        found = (self._ports[arn] for arn in arns if arn in self._ports)
        return next((Endpoint(LOOPBACK, port) for port in found), None)

    # --- health -------------------------------------------------------------------------------------------------------

    def _wanted_checks(
        self, groups: Mapping[str, TargetGroupRecord], in_use: Mapping[str, tuple[str, ...]]
    ) -> Mapping[Target, Check]:
        """AWS checks the targets of groups that a load balancer sends to, and no others."""
        checks = {}
        for target in self._targets.registered(in_use.keys() & groups.keys()):
            group = groups[target.group]
            port = target.port if group.health_port == "traffic-port" else int(group.health_port)
            endpoint = self._targets.endpoint(target)
            if endpoint is not None and not target.is_instance:
                endpoint = Endpoint(endpoint.host, port)
            checks[target] = Check(endpoint=endpoint, policy=self._policy(group))
        return checks

    def _policy(self, group: TargetGroupRecord) -> Policy:
        return Policy(
            protocol="TCP" if group.health_protocol == "TCP" else "HTTP",
            path=group.health_path,
            interval_s=group.interval_s,
            timeout_s=group.timeout_s,
            healthy_threshold=group.healthy_threshold,
            unhealthy_threshold=group.unhealthy_threshold,
            codes=group.codes,
        ).at(self._context.pace)

    def _health_changed(self, target: Target, health: Health) -> None:
        self._context.wake(self.name)
        for replacing in ("ecs", "autoscaling"):  # their schedulers replace what turned unhealthy
            self._context.wake(replacing)

    def _instance(self, identity: str) -> Endpoint | None:
        """Asked each time: EC2's controller may be made after this one."""
        return self._context.couplings.instance_endpoint(identity)

    # --- for readiness and metrics ------------------------------------------------------------------------------------

    def _service_groups(self) -> frozenset[str]:
        """The target groups of ECS services that want tasks."""
        return frozenset(
            str(entry["targetGroupArn"])
            for service in self._context.backends.ecs.services.values()
            for entry in service.load_balancers
            if service.desired_count and "targetGroupArn" in entry
        )

    def _directory(self) -> Directory:
        balancers, groups = self._read()
        in_use = records.groups_in_use(balancers)
        names = {balancer.arn: balancer.full_name for balancer in balancers}
        hosts = tuple(
            self._hosts(names[balancer], groups[arn])
            for arn, balancer_arns in in_use.items()
            for balancer in balancer_arns
            if arn in groups
        )
        return Directory(
            load_balancers={balancer.group: balancer.full_name for balancer in balancers},
            target_groups={group.upstream: group.full_name for group in groups.values()},
            hosts=hosts,
        )

    def _hosts(self, load_balancer: str, group: TargetGroupRecord) -> Hosts:
        states = [self._targets.health(t, is_used=True).state for t in self._targets.registered((group.arn,))]
        return Hosts(
            load_balancer=load_balancer,
            target_group=group.full_name,
            healthy=states.count("healthy"),
            unhealthy=states.count("unhealthy"),
        )
