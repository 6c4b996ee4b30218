"""Services: which pods are behind each, and whether they are ready, in one EndpointSlice.

Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from infrastructure.embedded.kubernetes.controllers.fitting import ZONE
from infrastructure.embedded.kubernetes.controllers.parts import ObjectController, is_ready
from infrastructure.embedded.kubernetes.network.endpoints import SERVICE_NAME
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object
from infrastructure.embedded.kubernetes.store.store import Change

_BY = "endpointslice.kubernetes.io/managed-by"


class Services(ObjectController):
    """Writes the slice of each service that selects pods."""

    name: ClassVar[str] = "services"
    kind: ClassVar[Kind] = kinds.SERVICE

    def touched(self, change: Change) -> Iterable[Key]:
        if change.kind != kinds.POD.id:
            return
        versions = [each for each in (change.before, change.after) if each is not None]
        for service in self._store.all(kinds.SERVICE.id, objects.namespace(change.object)):
            if any(selects(service, each) for each in versions):
                yield objects.key(service)

    def follow(self, of: Object) -> float | None:
        if not objects.spec(of).get("selector") or objects.is_deleting(of):
            return None
        pods = [each for each in self._store.all(kinds.POD.id, objects.namespace(of)) if selects(of, each)]
        shown = [each for each in pods if objects.status(each).get("podIP") and not objects.has_ended(each)]
        ports = objects.spec(of).get("ports") or ()
        made = {
            "addressType": "IPv4",
            "endpoints": [self._endpoint(each, of) for each in shown],
            "ports": [
                {"name": port.get("name", ""), "port": _number(port, shown), "protocol": port["protocol"]}
                for port in ports
                if _number(port, shown)
            ],
        }
        self._write(of, made)
        return None

    def _write(self, of: Object, made: Draft) -> None:
        own = self._parts.owned.of(objects.uid(of), kinds.ENDPOINT_SLICE)
        labels = {SERVICE_NAME: objects.name(of), _BY: "endpointslice-controller.k8s.io"}
        if own:
            self._registry.update(kinds.ENDPOINT_SLICE, {**own[0], **made})
            return
        meta = {
            "generateName": f"{objects.name(of)}-",
            "namespace": objects.namespace(of),
            "labels": labels,
            "ownerReferences": [objects.reference_to(of)],
        }
        self._registry.create(kinds.ENDPOINT_SLICE, {"metadata": meta, **made})

    def _endpoint(self, pod: Object, of: Object) -> Draft:
        """A pod that is going serves on until it is gone; new connections go to the others."""
        serving, going = is_ready(pod), objects.is_deleting(pod)
        is_open = bool(objects.spec(of).get("publishNotReadyAddresses"))
        node = self._store.get(kinds.NODE.id, ("", objects.spec(pod).get("nodeName", "")))
        zone = objects.labels(node).get(ZONE) if node is not None else None
        return {
            "addresses": [objects.status(pod)["podIP"]],
            "conditions": {"ready": (serving and not going) or is_open, "serving": serving, "terminating": going},
            "nodeName": objects.spec(pod).get("nodeName"),
            "targetRef": {
                "kind": "Pod",
                "namespace": objects.namespace(pod),
                "name": objects.name(pod),
                "uid": objects.uid(pod),
            },
            **({"zone": zone} if zone else {}),
        }


def selects(service: Object, pod: Object) -> bool:
    """Whether the pod is one of those behind the service."""
    wanted: Mapping[str, Any] = objects.spec(service).get("selector") or {}
    return bool(wanted) and all(objects.labels(pod).get(key) == value for key, value in wanted.items())


def _number(port: Mapping[str, Any], pods: Iterable[Object]) -> int:
    """The pods' port: a number, or the name of one of their containers' ports; 0 while none has it."""
    target = port.get("targetPort", port["port"])
    if isinstance(target, int):
        return target
    for pod in pods:
        for container in objects.spec(pod).get("containers") or ():
            for each in container.get("ports") or ():
                if each.get("name") == target:
                    return int(each["containerPort"])
    return 0
