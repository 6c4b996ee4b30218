"""TargetGroupBinding of EKS Auto Mode: the ready pods of a service are the targets of a load balancer's target group.

    Service ──▶ EndpointSlice ──▶ ready endpoints ──┐
                                                    ├── what one has and the other has not ──▶ register, deregister
    target group ──▶ its targets ───────────────────┘

The group is the binding's alone: whatever else is registered there is taken out. A pod that terminates leaves it at
once, and is found by new connections for as long as the load balancer is late. Targets that somebody else takes out
stay out until the endpoints change, as on AWS.
Source: https://docs.aws.amazon.com/eks/latest/userguide/auto-configure-nlb.html,
https://github.com/kubernetes-sigs/aws-load-balancer-controller/tree/main/pkg/targetgroupbinding (events, finalizer)
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers import readiness_gates
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, Parts
from infrastructure.embedded.kubernetes.controllers.target_groups import (
    Target,
    TargetGroupError,
    TargetGroups,
    TargetHealth,
)
from infrastructure.embedded.kubernetes.network.endpoints import SERVICE_NAME, of_port
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.store import Change, Store

FINALIZER = "eks.amazonaws.com/resources"
_SOURCE = "targetGroupBinding"
_WEBHOOK = "targetgroupbinding.eks.amazonaws.com"
_AGAIN_S, _LEAST_AGAIN_S = 15.0, 0.2
"""How often a target is asked for that a pod waits for, and a group that refused."""
_UNKNOWN = TargetHealth(state="initial", reason="Elb.RegistrationInProgress", description="Target is being registered")


class NoBackend(Exception):
    """There is no such service, or no such port of it; the text is the controller's."""


@dataclass(frozen=True, slots=True)
class _Endpoint:
    target: Target
    pod: Object | None


class TargetGroupBindings(ObjectController):
    """Follows each binding; `groups` are the cloud's."""

    name: ClassVar[str] = "target-group-bindings"
    kind: ClassVar[Kind] = kinds.TARGET_GROUP_BINDING

    def __init__(self, parts: Parts, groups: TargetGroups) -> None:
        super().__init__(parts)
        self._groups = groups
        self._bound: dict[str, frozenset[Target]] = {}
        """What was bound last, by the binding's uid."""

    def touched(self, change: Change) -> Iterable[Key]:
        of = change.object
        namespace = objects.namespace(of)
        if change.kind == kinds.POD.id:
            return [(namespace, each) for each in readiness_gates.bindings_of(of)]
        if change.kind == kinds.SERVICE.id:
            return self._of_service(namespace, objects.name(of))
        if change.kind == kinds.ENDPOINT_SLICE.id:
            return self._of_service(namespace, objects.labels(of).get(SERVICE_NAME, ""))
        return ()

    def follow(self, of: Object) -> float | None:
        again_s = self._parts.pace.seconds(_AGAIN_S, at_least=_LEAST_AGAIN_S)
        if objects.is_deleting(of):
            return None if self._released(of) else again_s
        of = self._held(of)
        try:
            is_settled = self._bind(of)
        except TargetGroupError as problem:
            self._parts.events.tell(of, "FailedReconcile", str(problem), source=_SOURCE, warning=True)
            return again_s
        self._registry.set_status(
            kinds.TARGET_GROUP_BINDING, of, {"observedGeneration": objects.meta(of)["generation"]}
        )
        return None if is_settled else again_s

    def admit(self, made: Draft) -> None:
        """What the webhooks do to a new binding: it gets what is known of its group, which it must have alone."""
        spec = made["spec"]
        try:
            group = self._groups.group(spec["targetGroupARN"])
        except TargetGroupError as problem:
            raise errors.denied(f"m{_WEBHOOK}", f"unable to get target group: {problem}") from problem
        if group.type != spec.setdefault("targetType", group.type):
            why = f"TargetGroup {spec['targetGroupARN']} has targets of type {group.type}, not {spec['targetType']}"
            raise errors.denied(f"v{_WEBHOOK}", why)
        if group.type != "ip":
            why = f"targets of type {group.type} are not provided by the embedded cloud, which binds pods: use ip"
            raise errors.denied(f"v{_WEBHOOK}", why)
        spec.setdefault("ipAddressType", group.address_type)
        spec.setdefault("vpcID", group.vpc)
        for each in self._store.all(kinds.TARGET_GROUP_BINDING.id):
            if objects.spec(each)["targetGroupARN"] == spec["targetGroupARN"] and objects.key(each) != objects.key(
                made
            ):
                other = "/".join(objects.key(each))
                why = f"TargetGroup {spec['targetGroupARN']} is already bound to TargetGroupBinding {other}"
                raise errors.denied(f"v{_WEBHOOK}", why)

    def _of_service(self, namespace: str, name: str) -> Iterator[Key]:
        for each in self._store.all(kinds.TARGET_GROUP_BINDING.id, namespace):
            if objects.spec(each)["serviceRef"]["name"] == name:
                yield objects.key(each)

    def _held(self, of: Object) -> Object:
        """It stays until its targets are deregistered."""
        finalizers = objects.meta(of).get("finalizers") or []
        if FINALIZER in finalizers:
            return of
        made = {**of, "metadata": {**objects.meta(of), "finalizers": [*finalizers, FINALIZER]}}
        return self._registry.update(kinds.TARGET_GROUP_BINDING, made)

    def _released(self, of: Object) -> bool:
        """Whether its targets are out, and nothing holds it any more."""
        try:
            self._level(objects.spec(of)["targetGroupARN"], frozenset())
        except TargetGroupError as problem:
            if not str(problem).startswith("TargetGroupNotFound"):
                self._parts.events.tell(of, "FailedCleanup", str(problem), source=_SOURCE, warning=True)
                return False
        self._bound.pop(objects.uid(of), None)
        kept = [each for each in objects.meta(of).get("finalizers") or () if each != FINALIZER]
        self._registry.update(kinds.TARGET_GROUP_BINDING, {**of, "metadata": {**objects.meta(of), "finalizers": kept}})
        return True

    def _bind(self, of: Object) -> bool:
        """Have the group's targets be the service's endpoints; whether no pod waits for its target any more."""
        arn, condition = objects.spec(of)["targetGroupARN"], readiness_gates.condition_of(of)
        try:
            found = list(endpoints(of, condition, self._store))
        except NoBackend as problem:
            self._parts.events.tell(of, "BackendNotFound", str(problem), source=_SOURCE, warning=True)
            found = []
        wanted = frozenset(each.target for each in found)
        waiting = [each for each in found if each.pod is not None and _waits(each.pod, condition)]
        if self._bound.get(objects.uid(of)) != wanted:
            self._level(arn, wanted)
            self._bound[objects.uid(of)] = wanted
            self._parts.events.tell(of, "SuccessfullyReconciled", "Successfully reconciled", source=_SOURCE)
        if not waiting:
            return True
        health = self._groups.targets(arn)
        for each in waiting:
            if each.pod is not None:
                known = health.get(each.target, _UNKNOWN)
                readiness_gates.write(each.pod, condition, known, self._registry)
        return all(health.get(each.target, _UNKNOWN).state == "healthy" for each in waiting)

    def _level(self, arn: str, wanted: frozenset[Target]) -> None:
        there = self._groups.targets(arn).keys()
        if there - wanted:
            self._groups.deregister(arn, sorted(there - wanted))
        if wanted - there:
            self._groups.register(arn, sorted(wanted - there))


def endpoints(binding: Object, condition: str, store: Store) -> Iterator[_Endpoint]:
    """Who is to be registered: ready pods, and those that wait for nothing but the binding. `NoBackend`."""
    reference, namespace = objects.spec(binding)["serviceRef"], objects.namespace(binding)
    service = store.get(kinds.SERVICE.id, (namespace, reference["name"]))
    if service is None:
        raise NoBackend(f'backend not found: services "{reference["name"]}" not found')
    for each in of_port(service, _port(service, reference["port"]), store):
        pod = store.get(kinds.POD.id, (namespace, each.pod))
        if each.is_ready or (pod is not None and _waits_alone(pod, condition)):
            yield _Endpoint(Target(each.address, each.port), pod)


def _port(service: Object, wanted: object) -> Mapping[str, Any]:
    for each in objects.spec(service).get("ports") or ():
        if wanted in (each["port"], each.get("name")):
            found: Mapping[str, Any] = each
            return found
    raise NoBackend(f"backend not found: unable to find port {wanted} on service {'/'.join(objects.key(service))}")


def _waits(pod: Object, condition: str) -> bool:
    return readiness_gates.has_gate(pod, condition) and not objects.is_true(pod, condition)


def _waits_alone(pod: Object, condition: str) -> bool:
    return (
        readiness_gates.has_gate(pod, condition)
        and objects.is_true(pod, "ContainersReady")
        and not objects.is_deleting(pod)
    )
