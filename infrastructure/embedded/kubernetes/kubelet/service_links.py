"""The variables by which a container finds the Services that there were when it started.

Source: https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables; the API server's own
come whether or not the pod wants the others (k8s.io/kubernetes, pkg/kubelet/envvars)
"""

from collections.abc import Iterator

from infrastructure.embedded.kubernetes.network.endpoints import cluster_ip
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

API_SERVER = ("default", "kubernetes")


def links(pod: Object, store: Store) -> dict[str, str]:
    """By the Services of the pod's namespace, as far as it wants them."""
    own = store.get(kinds.SERVICE.id, API_SERVER)
    wants_all = objects.spec(pod).get("enableServiceLinks", True)
    others = store.all(kinds.SERVICE.id, objects.namespace(pod)) if wants_all else []
    found: dict[str, str] = {}
    for each in (*((own,) if own is not None else ()), *others):
        if cluster_ip(each) and objects.spec(each).get("ports"):
            found |= dict(_of(each))
    return found


def _of(service: Object) -> Iterator[tuple[str, str]]:
    name, address = objects.name(service).upper().replace("-", "_"), objects.spec(service)["clusterIP"]
    ports = objects.spec(service)["ports"]
    yield f"{name}_SERVICE_HOST", address
    yield f"{name}_SERVICE_PORT", str(ports[0]["port"])
    for each in ports:
        if each.get("name"):
            yield f"{name}_SERVICE_PORT_{each['name'].upper().replace('-', '_')}", str(each["port"])
    yield f"{name}_PORT", f"tcp://{address}:{ports[0]['port']}"
    for each in ports:
        prefix = f"{name}_PORT_{each['port']}_TCP"
        yield prefix, f"tcp://{address}:{each['port']}"
        yield f"{prefix}_PROTO", "tcp"
        yield f"{prefix}_PORT", str(each["port"])
        yield f"{prefix}_ADDR", address
