"""Questions that are asked by creating an object: may I (`kubectl auth can-i`), who am I (`kubectl auth whoami`)."""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.kubernetes.api.access import Access, Act, User
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store.objects import Draft

Whose = Callable[[Mapping[str, Any]], dict[str, Any]]


def reviewed(kind: Kind, given: Draft, user: User, access: Access, whose: Whose) -> Draft:
    """The question with its answer as status; `whose` says whose a token is."""
    spec = given.get("spec") or {}
    match kind:
        case kinds.ACCESS_REVIEW:
            answer = _may(spec, user, access)
        case kinds.TOKEN_REVIEW:
            answer = whose(spec)
        case _:
            answer = _who(user)
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
