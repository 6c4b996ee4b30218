"""Create, update, patch and delete: what is sent is read, checked, and handed to the registry.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.kubernetes.api import bodies
from infrastructure.embedded.kubernetes.api.places import Place, Query
from infrastructure.embedded.kubernetes.patches import apply as server_side
from infrastructure.embedded.kubernetes.patches import json_patch, merge, strategic
from infrastructure.embedded.kubernetes.patches.managers import applied
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import Deletion, Registry

APPLY = "application/apply-patch+yaml"
_STRATEGIC = "application/strategic-merge-patch+json"
_PATCHES: Mapping[str, Callable[[Any, Any, str], Any]] = {
    "application/json-patch+json": lambda of, patch, _: json_patch.apply(of, patch),
    "application/merge-patch+json": lambda of, patch, _: merge.apply(of, patch),
    _STRATEGIC: strategic.apply,
}
_REJECTED = "the server rejected our request due to an error in our request"
Warnings = list[str]


class Writing:
    """Answers what changes an object; with what is to be told besides."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def create(self, place: Place, query: Query, request: HttpRequest) -> tuple[Object, Warnings]:
        given = bodies.document(request)
        bodies.named(given, place.kind)
        made, warnings = self._typed(given, place.kind, query)
        self._placed(made, place)
        return self._registry.create(place.kind, made, is_dry=query.is_dry), warnings

    def update(self, place: Place, query: Query, request: HttpRequest) -> tuple[Object, Warnings]:
        given = bodies.document(request)
        bodies.named(given, place.kind)
        made, warnings = self._typed(given, place.kind, query)
        self._placed(made, place)
        if objects.name(made) != place.name:
            raise errors.bad_request(
                f"the name of the object ({objects.name(made)}) does not match the name on the URL ({place.name})"
            )
        return self._updated(place, query, made), warnings

    def patch(self, place: Place, query: Query, request: HttpRequest) -> tuple[Object, Warnings, bool]:
        """The object, what is to be told, and whether it is new: an apply makes what is not there."""
        written_in = bodies.media_type(request)
        if written_in == APPLY:
            return self._apply(place, query, bodies.parsed_yaml(request.body))
        allowed = [each for each in _PATCHES if not (place.kind.is_custom and each == _STRATEGIC)]
        if written_in not in allowed:
            raise errors.unsupported_type(written_in, (*allowed, APPLY))
        patch = _PATCHES[written_in]
        before = self._registry.get(place.kind, place.key)
        given = bodies.parsed_json(request.body)
        if patch is not _PATCHES["application/json-patch+json"] and not isinstance(given, dict):
            raise errors.bad_request("a merge patch is a JSON object")
        changed = self._patched(place.kind, before, given, patch)
        made, warnings = self._typed(changed, place.kind, query)
        return self._updated(place, query, made), warnings, False

    def delete(self, place: Place, query: Query, request: HttpRequest) -> tuple[Object, bool]:
        """The object as it is afterwards, and whether it is gone."""
        return self._registry.delete(place.kind, place.key, deletion(_options(request), query))

    def delete_all(self, kind: Kind, found: list[Object], query: Query, request: HttpRequest) -> None:
        how = deletion(_options(request), query)
        for each in found:
            if self._registry.store.get(kind.id, objects.key(each)) is not None:
                self._registry.delete(kind, objects.key(each), how)

    def _patched(self, kind: Kind, before: Object, given: Any, patch: Callable[[Any, Any, str], Any]) -> Any:
        try:
            return patch(before, given, kind.name)
        except json_patch.Unfit as problem:
            raise errors.ApiError(422, "Invalid", f"{_REJECTED}: {problem}") from problem
        except (strategic.Unfit, AttributeError, TypeError) as problem:
            raise errors.bad_request(f"the patch does not fit the object: {problem}") from problem

    def _apply(self, place: Place, query: Query, given: Any) -> tuple[Object, Warnings, bool]:
        manager = query.text("fieldManager")
        if not manager:
            causes = [errors.required("fieldManager", "is required for apply patch")]
            raise errors.ApiError(
                422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {causes[0].message}'
            )
        bodies.named(given, place.kind)
        wanted, warnings = self._typed(given, place.kind, query)
        wanted.setdefault("metadata", {}).setdefault("name", place.name)
        self._placed(wanted, place)
        before = self._registry.store.get(place.kind.id, place.key)
        try:
            made = applied(
                before,
                wanted,
                place.kind,
                manager,
                self._registry.now,
                is_forced=query.flag("force"),
                part=place.subresource,
            )
        except server_side.Conflicts as problem:
            raise _conflicts(problem) from problem
        if before is None:
            return self._registry.create(place.kind, made, is_dry=query.is_dry), warnings, True
        return self._updated(place, query, made), warnings, False

    def _updated(self, place: Place, query: Query, made: Draft) -> Object:
        return self._registry.update(place.kind, made, part=place.subresource, is_dry=query.is_dry)

    def _typed(self, given: Any, kind: Kind, query: Query) -> tuple[Draft, Warnings]:
        validation = query.text("fieldValidation")
        return bodies.typed(given, kind.name, kind.api_version, validation)

    @staticmethod
    def _placed(made: Draft, place: Place) -> None:
        """Put it where the path says; an object that says something else is refused."""
        meta = made.setdefault("metadata", {})
        if not place.kind.is_namespaced:
            meta.pop("namespace", None)
            return
        if meta.setdefault("namespace", place.namespace) != place.namespace:
            raise errors.bad_request(
                "the namespace of the provided object does not match the namespace sent on the request"
            )


def _options(request: HttpRequest) -> Any:
    return bodies.document(request) if request.body else {}


def deletion(given: Any, query: Query) -> Deletion:
    """The options of a deletion: those given, or in the query where there are none."""
    if not isinstance(given, dict):
        raise errors.bad_request("DeleteOptions are a JSON object")
    pre = given.get("preconditions") or {}
    propagation = given.get("propagationPolicy") or query.text("propagationPolicy")
    orphan = given.get("orphanDependents")
    if propagation not in ("", "Background", "Foreground", "Orphan"):
        raise errors.bad_request(f'invalid propagationPolicy "{propagation}": Background, Foreground or Orphan')
    grace = given.get("gracePeriodSeconds", query.number("gracePeriodSeconds"))
    return Deletion(
        grace_s=grace,
        propagation=propagation or ("Orphan" if orphan else ""),
        uid=pre.get("uid", ""),
        version=pre.get("resourceVersion", ""),
        is_dry=query.is_dry or bool(given.get("dryRun")),
    )


def _conflicts(problem: server_side.Conflicts) -> errors.ApiError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": field}
        for manager, field in problem.found
    ]
    told = "\n".join(f'- conflict with "{manager}": {field}' for manager, field in problem.found)
    count = f"Apply failed with {len(causes)} conflict{'s' if len(causes) > 1 else ''}"
    return errors.ApiError(409, "Conflict", f"{count}:\n{told}", {"causes": causes})
