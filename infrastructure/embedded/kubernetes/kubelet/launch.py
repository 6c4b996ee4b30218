"""From a container of a pod to the process that is wanted for it. Pure but for a look at ConfigMaps and Secrets."""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.kubernetes.kubelet import environment, service_links
from infrastructure.embedded.kubernetes.kubelet.container import Container
from infrastructure.embedded.kubernetes.kubelet.images import Mounts, NoProgram, Wanted
from infrastructure.embedded.kubernetes.store import objects, quantity
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

_MOST_NAME = 120
_DEFAULT_VCPU = 0.25
"""The share of a container that has no limit and no request, for services that size themselves by it."""


def wanted(each: Container, pod: Object, zone: str, store: Store, mounts: Mounts = ()) -> Wanted:
    """The process, for a pod whose status has its address. `NoProgram`, `environment.Unresolved`."""
    _check(each)
    given = environment_of(each, pod, store)
    numbers = [int(port["containerPort"]) for port in each.spec.get("ports") or ()]
    words = (*(each.spec.get("command") or ()), *(each.spec.get("args") or ()))
    return Wanted(
        id=f"{process_name(each, pod)}.{each.restarts}",
        resource=f"{objects.namespace(pod)}/{objects.name(pod)}",
        address=objects.status(pod)["podIP"],
        port=numbers[0] if numbers else None,
        zone=zone,
        vcpu=_vcpu(each.spec),
        environment=given,
        arguments=tuple(environment.expanded(word, given) for word in words),
        mounts=mounts,
    )


def environment_of(each: Container, pod: Object, store: Store) -> dict[str, str]:
    """What every container knows of its pod, and its own variables. `environment.Unresolved`."""
    own = {"HOSTNAME": objects.name(pod), "POD_IP": objects.status(pod)["podIP"]}
    return {**own, **service_links.links(pod, store), **environment.environment(each.spec, pod, store)}


def process_name(each: Container, pod: Object) -> str:
    """The begin of the ids of its processes, which are file names, too: a pod's name may be too long for one."""
    return f"{objects.name(pod)[:_MOST_NAME]}.{objects.uid(pod)[:8]}.{each.name}"


def ports(each: Container) -> dict[str, int]:
    """Its ports by their names."""
    return {port["name"]: int(port["containerPort"]) for port in each.spec.get("ports") or () if "name" in port}


def _vcpu(container: Mapping[str, Any]) -> float:
    resources = container.get("resources") or {}
    given = (resources.get("limits") or {}).get("cpu") or (resources.get("requests") or {}).get("cpu")
    return quantity.value(given) if given else _DEFAULT_VCPU


def _check(each: Container) -> None:
    """Refuse what would be left out otherwise."""
    if "postStart" in (each.spec.get("lifecycle") or {}):
        raise NoProgram("postStart hooks are not run by the embedded cloud; begin with an init container")
