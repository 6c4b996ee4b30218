"""Who is behind a Service, as its EndpointSlices have it.

Source: https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

SERVICE_NAME = "kubernetes.io/service-name"
"""The label by which a slice names its Service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEndpoint:
    """One address and port. `pod` is the name of the pod that has it; empty when it is none's."""

    address: str
    port: int
    pod: str
    is_ready: bool
    is_serving: bool
    is_terminating: bool


def cluster_ip(service: Object) -> str:
    """The address that is its own; empty for a headless one, and for another name."""
    address = str(objects.spec(service).get("clusterIP") or "")
    return "" if address == "None" else address


def of_port(service: Object, port: Mapping[str, Any], store: Store) -> Iterator[ServiceEndpoint]:
    """Those of one of the Service's ports, ready or not."""
    for each in slices_of(service, store):
        named = (found for found in each.get("ports") or () if found.get("name", "") == port.get("name", ""))
        number = next((int(found["port"]) for found in named), 0)
        for endpoint in each.get("endpoints") or () if number else ():
            yield _endpoint(endpoint, number)


def slices_of(service: Object, store: Store) -> Iterator[Object]:
    """The slices of a Service, whoever wrote them."""
    for each in store.all(kinds.ENDPOINT_SLICE.id, objects.namespace(service)):
        if objects.labels(each).get(SERVICE_NAME) == objects.name(service):
            yield each


def _endpoint(of: Mapping[str, Any], port: int) -> ServiceEndpoint:
    """What is not said counts as ready, and as serving when it is ready."""
    conditions = of.get("conditions") or {}
    is_ready = bool(conditions.get("ready", True))
    return ServiceEndpoint(
        address=of["addresses"][0],
        port=port,
        pod=(of.get("targetRef") or {}).get("name", ""),
        is_ready=is_ready,
        is_serving=bool(conditions.get("serving", is_ready)),
        is_terminating=bool(conditions.get("terminating", False)),
    )
