"""How a pod gets its service account's token: admission adds a volume with it, the authority and the namespace.

Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#bound-service-account-tokens,
k8s.io/kubernetes, plugin/pkg/admission/serviceaccount/admission.go
"""

import secrets
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import ALPHABET
from infrastructure.embedded.kubernetes.store.store import Store
from infrastructure.embedded.kubernetes.tokens import INJECTED_S

AUTHORITY = "kube-root-ca.crt"
"""The ConfigMap of every namespace that has the certificate by which pods know the API server."""
AUTHORITY_KEY = "ca.crt"
DEFAULT = "default"
FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_PREFIX, _RANDOM = "kube-api-access-", 5
_MODE = 0o644


def is_injected(mount: Mapping[str, Any]) -> bool:
    """Whether a container's mount is the one that is added here."""
    return is_injected_volume(mount) and mount["mountPath"] == FOLDER


def without_injected(container: Mapping[str, Any]) -> Mapping[str, Any]:
    """The container with the mounts alone that it wants itself."""
    return {**container, "volumeMounts": [e for e in container.get("volumeMounts") or () if not is_injected(e)]}


def is_injected_volume(volume: Mapping[str, Any]) -> bool:
    """Whether a pod's volume is."""
    return str(volume["name"]).startswith(_PREFIX)


def admit(pod: Draft, store: Store) -> None:
    """Give the pod its account, and its containers the account's token. `ApiError` 403 for one that is not there.

    The default account is made by a controller when its namespace is, and may come a moment later.
    """
    spec = pod["spec"]
    name = spec.get("serviceAccountName") or spec.get("serviceAccount") or DEFAULT
    spec |= {"serviceAccountName": name, "serviceAccount": name}
    account = store.get(kinds.SERVICE_ACCOUNT.id, (objects.namespace(pod), name))
    if account is None and name != DEFAULT:
        why = f'error looking up service account {objects.namespace(pod)}/{name}: serviceaccount "{name}" not found'
        raise errors.forbidden(kinds.POD, objects.name(pod), why)
    if _wants_token(spec, account or {}):
        _inject(spec)


def _wants_token(spec: Mapping[str, Any], account: Object) -> bool:
    """The pod's own word counts more than its account's."""
    own = spec.get("automountServiceAccountToken")
    return bool(own if own is not None else account.get("automountServiceAccountToken", True))


def _inject(spec: Draft) -> None:
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    without = [each for each in containers if all(one["mountPath"] != FOLDER for one in each.get("volumeMounts") or ())]
    if not without:
        return
    volumes = spec.setdefault("volumes", [])
    name = next((each["name"] for each in volumes if is_injected_volume(each)), None)
    if name is None:
        name = _PREFIX + "".join(secrets.choice(ALPHABET) for _ in range(_RANDOM))
        volumes.append(_volume(name))
    for each in without:
        each.setdefault("volumeMounts", []).append({"name": name, "readOnly": True, "mountPath": FOLDER})


def _volume(name: str) -> Draft:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    sources = [
        {"serviceAccountToken": {"expirationSeconds": INJECTED_S, "path": "token"}},
        {"configMap": {"name": AUTHORITY, "items": [{"key": AUTHORITY_KEY, "path": AUTHORITY_KEY}]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    return {"name": name, "projected": {"defaultMode": _MODE, "sources": sources}}
