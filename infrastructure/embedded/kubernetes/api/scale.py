"""The subresource `scale`: how many, of whatever has replicas.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/deployment-v1/
"""

from typing import Any

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.kubernetes.api import bodies
from infrastructure.embedded.kubernetes.api.places import Place, Query
from infrastructure.embedded.kubernetes.patches import json_patch, merge
from infrastructure.embedded.kubernetes.store import errors, objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import Registry

_KEPT = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


def scale_of(of: Object) -> Draft:
    """The Scale object."""
    meta = objects.meta(of)
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: meta[name] for name in _KEPT if name in meta},
        "spec": {"replicas": objects.spec(of).get("replicas", 0)},
        "status": {
            "replicas": objects.status(of).get("replicas", 0),
            "selector": selectors.text_of(objects.spec(of).get("selector")),
        },
    }


def rescale(registry: Registry, place: Place, query: Query, request: HttpRequest) -> Draft:
    """Set the number by an update or a patch of the Scale object; the Scale object that comes of it."""
    before = registry.get(place.kind, place.key)
    given = _given(scale_of(before), request)
    wanted = (given.get("spec") or {}).get("replicas", 0)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 0:
        causes = [errors.invalid("spec.replicas", wanted, "must be greater than or equal to 0")]
        details: dict[str, Any] = {"name": place.name, "group": "autoscaling", "kind": "Scale"}
        raise errors.ApiError(
            422, "Invalid", f'Scale.autoscaling "{place.name}" is invalid: spec.replicas: {causes[0].message}', details
        )
    made = objects.draft(before)
    made["spec"]["replicas"] = wanted
    version = (given.get("metadata") or {}).get("resourceVersion")
    made["metadata"]["resourceVersion"] = version or ""
    return scale_of(registry.update(place.kind, made, is_dry=query.is_dry))


def _given(before: Draft, request: HttpRequest) -> Draft:
    if request.method == "PUT":
        given = bodies.document(request)
    else:
        patch = bodies.parsed_json(request.body)
        is_list = bodies.media_type(request) == "application/json-patch+json"
        try:
            given = json_patch.apply(before, patch) if is_list else merge.apply(before, patch)
        except json_patch.Unfit as problem:
            raise errors.ApiError(422, "Invalid", f"the server rejected our request: {problem}") from problem
        if not is_list and "resourceVersion" not in (patch.get("metadata") or {}):
            given["metadata"] = {**given["metadata"], "resourceVersion": ""}
    if not isinstance(given, dict) or not isinstance(given.get("spec") or {}, dict):
        raise errors.bad_request("a Scale is a JSON object")
    return given
