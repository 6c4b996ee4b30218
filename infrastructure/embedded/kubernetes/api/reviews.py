"""Questions that are asked by creating an object: may I (`kubectl auth can-i`), who am I (`kubectl auth whoami`)."""

from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.kubernetes.api.access import Access, Act, User
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store.objects import Draft


def reviewed(kind: Kind, given: Draft, user: User, access: Access) -> Draft:
    """The question with its answer as status."""
    answer = _may(given.get("spec") or {}, user, access) if kind is kinds.ACCESS_REVIEW else _who(user)
    meta = {"creationTimestamp": None, **(given.get("metadata") or {})}
    return {**given, "apiVersion": kind.api_version, "kind": kind.name, "metadata": meta, "status": answer}


def _may(spec: Mapping[str, Any], user: User, access: Access) -> dict[str, Any]:
    asked = spec.get("resourceAttributes")
    if asked is None:
        return {"allowed": "system:masters" in user.groups}
    act = Act(
        verb=asked.get("verb", ""),
        group=asked.get("group", ""),
        resource=asked.get("resource", ""),
        subresource=asked.get("subresource", ""),
        namespace=asked.get("namespace", ""),
        name=asked.get("name", ""),
    )
    return {"allowed": access.allows(user, act)}


def _who(user: User) -> dict[str, Any]:
    extra = {"extra": {name: list(values) for name, values in user.extra.items()}} if user.extra else {}
    return {"userInfo": {"username": user.name, "groups": list(user.all_groups), **extra}}
