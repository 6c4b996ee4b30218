"""Who may do what: role-based access control over the roles and bindings in the store.

Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

if TYPE_CHECKING:
    from infrastructure.embedded.kubernetes.schema.kinds import Kind

MASTERS = "system:masters"
"""The group that may do everything, whatever the roles say."""
VIEWERS = "eks:viewers"
"""The group that may look at everything: what EKS's access policy AmazonEKSAdminViewPolicy gives."""
_AUTHENTICATED = "system:authenticated"
_EVERYBODY_ASKS = frozenset({"selfsubjectaccessreviews", "selfsubjectreviews"})


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who asks, by the credentials that came with the request."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def all_groups(self) -> tuple[str, ...]:
        return (*self.groups, _AUTHENTICATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What is to be done: a verb on what lies at a place."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""

    @property
    def target(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


class Access:
    """Decides by the store's roles."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, user: User, act: Act) -> None:
        """`ApiError` 403 for what the user may not do."""
        if self.allows(user, act):
            return
        group = f'in API group "{act.group}"'
        where = f' in the namespace "{act.namespace}"' if act.namespace else " at the cluster scope"
        why = f'User "{user.name}" cannot {act.verb} resource "{act.target}" {group}{where}'
        named = f' "{act.name}"' if act.name else ""
        kind = f"{act.resource}.{act.group}" if act.group else act.resource
        details = {"name": act.name, "group": act.group, "kind": act.resource}
        given = {key: value for key, value in details.items() if value}
        raise errors.ApiError(403, "Forbidden", f"{kind}{named} is forbidden: {why}", given)

    def allows(self, user: User, act: Act) -> bool:
        if MASTERS in user.groups or act.resource in _EVERYBODY_ASKS:
            return True
        return any(_covers(rule, act) for rule in self._rules(user, act.namespace))

    def _rules(self, user: User, namespace: str) -> Iterator[Mapping[str, Any]]:
        for binding in self._store.all(kinds.CLUSTER_ROLE_BINDING.id):
            if _binds(binding, user):
                yield from self._of_role(binding, "")
        for binding in self._store.all(kinds.ROLE_BINDING.id, namespace) if namespace else ():
            if _binds(binding, user):
                yield from self._of_role(binding, namespace)

    def _of_role(self, binding: Object, namespace: str) -> Iterator[Mapping[str, Any]]:
        reference = binding["roleRef"]
        kind: Kind = kinds.ROLE if reference["kind"] == "Role" else kinds.CLUSTER_ROLE
        at = (namespace if kind is kinds.ROLE else "", reference["name"])
        role = self._store.get(kind.id, at)
        yield from (role or {}).get("rules") or ()


def _binds(binding: Object, user: User) -> bool:
    for each in binding.get("subjects") or ():
        if each["kind"] == "User" and each["name"] == user.name:
            return True
        if each["kind"] == "Group" and each["name"] in user.all_groups:
            return True
        own = objects.namespace(binding)
        account = f"system:serviceaccount:{each.get('namespace', own)}:{each['name']}"
        if each["kind"] == "ServiceAccount" and account == user.name:
            return True
    return False


def _covers(rule: Mapping[str, Any], act: Act) -> bool:
    names = rule.get("resourceNames")
    return (
        _has(rule.get("verbs"), act.verb)
        and _has(rule.get("apiGroups"), act.group)
        and (_has(rule.get("resources"), act.target) or f"*/{act.subresource}" in (rule.get("resources") or ()))
        and (not names or act.name in names)
    )


def _has(listed: list[str] | None, one: str) -> bool:
    return listed is not None and ("*" in listed or one in listed)
