"""What a Service gets when it is made: an address of its own, and ports of the nodes where it asks for them.

Source: https://kubernetes.io/docs/concepts/services-networking/service/ (type, clusterIP, nodePort),
https://kubernetes.io/docs/concepts/services-networking/cluster-ip-allocation/
"""

import random
from typing import Any, Protocol

from infrastructure.embedded.host.ports import NODE_PORTS
from infrastructure.embedded.kubernetes.network.addresses import SERVICES
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.store import Change
from infrastructure.embedded.network.addresses import is_free
from infrastructure.embedded.network.envoy.model import LOOPBACK


class AddressSource(Protocol):
    """Gives addresses that nobody has."""

    def allocate(self) -> str: ...

    def release(self, address: str) -> None: ...


class ServiceAllocator:
    """Completes Services before they are kept, and takes back what those had that are gone."""

    def __init__(self, registry: Registry, addresses: AddressSource) -> None:
        self._registry = registry
        self._addresses = addresses
        self._spare: str | None = None
        """An address whose Service is not kept yet, and will not be if it is refused, or was only tried."""
        self._node_ports: set[int] = set()
        registry.admission[kinds.SERVICE.id] = self._admit
        registry.preparation[kinds.SERVICE.id] = self._prepare
        registry.store.listen(self._changed)

    def _admit(self, made: Draft) -> None:
        made["status"] = {"loadBalancer": {}}
        self._complete(made)

    def _prepare(self, before: Object, given: Draft) -> None:
        """What was allocated stays with a Service that is replaced by one that does not name it, while its type asks
        for it.

        Source: k8s.io/kubernetes, pkg/registry/core/service/strategy.go (dropTypeDependentFields)
        """
        was, spec = objects.spec(before), given.get("spec") or {}
        if "ExternalName" not in (was.get("type"), spec.get("type")):
            for name in ("clusterIP", "clusterIPs"):
                if not spec.get(name) and name in was:
                    spec[name] = was[name]
        numbers = {each["port"]: each["nodePort"] for each in was.get("ports") or () if "nodePort" in each}
        for each in spec.get("ports") or ():
            if _has_node_ports(given) and each["port"] in numbers:
                each.setdefault("nodePort", numbers[each["port"]])
            elif not _has_node_ports(given) and each.get("nodePort") in numbers.values():
                del each["nodePort"]
        self._complete(given, before)

    def _complete(self, made: Draft, before: Object | None = None) -> None:
        spec = made["spec"]
        if spec.get("type") == "ExternalName":
            return
        kept = objects.spec(before or {}).get("clusterIP")
        if not spec.get("clusterIP"):
            spec["clusterIP"] = self._address()
        elif spec["clusterIP"] not in ("None", kept):
            raise errors.not_valid(kinds.SERVICE, objects.name(made), [_address_asked_for(spec["clusterIP"])])
        spec["clusterIPs"] = [spec["clusterIP"]]
        own = {each.get("nodePort") for each in objects.spec(before or {}).get("ports") or ()}
        for number, each in enumerate(spec.get("ports") or () if _has_node_ports(made) else ()):
            self._give_node_port(made, each, f"spec.ports[{number}].nodePort", own)

    def _address(self) -> str:
        if self._spare is None:
            self._spare = self._addresses.allocate()
        return self._spare

    def _give_node_port(self, made: Object, port: dict[str, Any], field: str, own: set[int | None]) -> None:
        asked = port.get("nodePort")
        if asked in own and asked is not None:
            return
        if asked is None:
            free = [each for each in NODE_PORTS if each not in self._node_ports]
            port["nodePort"] = next(each for each in random.sample(free, len(free)) if is_free(LOOPBACK, each))
        elif asked not in NODE_PORTS:
            why = "provided port is not in the valid range. The range of valid ports is 30000-32767"
            raise errors.not_valid(kinds.SERVICE, objects.name(made), [errors.invalid(field, asked, why)])
        elif asked in self._node_ports or not is_free(LOOPBACK, asked):
            why = "provided port is already allocated"
            raise errors.not_valid(kinds.SERVICE, objects.name(made), [errors.invalid(field, asked, why)])

    def _changed(self, change: Change) -> None:
        if change.kind != kinds.SERVICE.id:
            return
        before, after = _allocated(change.before), _allocated(change.after)
        if self._spare in after:
            self._spare = None
        self._node_ports |= {each for each in after if isinstance(each, int)}
        for each in before - after:
            if isinstance(each, int):
                self._node_ports.discard(each)
            else:
                self._addresses.release(each)


def _has_node_ports(of: Object) -> bool:
    return objects.spec(of).get("type") in ("NodePort", "LoadBalancer")


def _allocated(of: Object | None) -> set[str | int]:
    """Its address, and the ports of the nodes that are its own."""
    spec = objects.spec(of or {})
    ports = {each["nodePort"] for each in spec.get("ports") or () if "nodePort" in each}
    return ports | ({spec["clusterIP"]} - {"None"} if spec.get("clusterIP") else set())


def _address_asked_for(address: str) -> errors.Cause:
    why = f"failed to allocate IP {address}: the addresses of {SERVICES} are given by the embedded cloud; leave it out"
    return errors.invalid("spec.clusterIPs", address, why)
