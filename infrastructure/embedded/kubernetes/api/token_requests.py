"""`serviceaccounts/token`: a token is made by asking for it (`kubectl create token`); and whose is this (TokenReview)?

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/
"""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.kubernetes.api import bodies
from infrastructure.embedded.kubernetes.api.access import User
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import errors, objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.tokens import ISSUER, Tokens

REQUEST, VERSION = "TokenRequest", "authentication.k8s.io/v1"
_DEFAULT_S, _LEAST_S, _MOST_S = 3600, 600, 1 << 32


def answered(registry: Registry, tokens: Tokens, account: Object, request: HttpRequest) -> Draft:
    """The request with a token as its status. `ApiError` for a lifetime, or a pod, that cannot be."""
    given, _ = bodies.typed(bodies.document(request), REQUEST, VERSION, "Ignore")
    spec = given.get("spec") or {}
    lifetime_s = spec.get("expirationSeconds") or _DEFAULT_S
    if not _LEAST_S <= lifetime_s <= _MOST_S:
        bound = "less than 10 minutes" if lifetime_s < _LEAST_S else "larger than 2^32 seconds"
        told = f"spec.expirationSeconds: Invalid value: {lifetime_s}: may not specify a duration {bound}"
        raise errors.ApiError(422, "Invalid", f'TokenRequest.authentication.k8s.io "" is invalid: {told}')
    pod = _bound(registry, account, spec.get("boundObjectRef"))
    made = tokens.issue(account, lifetime_s, spec.get("audiences") or (), pod)
    status = {"token": made.token, "expirationTimestamp": objects.stamp(made.expires_at)}
    meta = {"name": objects.name(account), "namespace": objects.namespace(account), "creationTimestamp": registry.now}
    wanted = {**spec, "audiences": spec.get("audiences") or [ISSUER], "expirationSeconds": lifetime_s}
    return {"apiVersion": VERSION, "kind": REQUEST, "metadata": meta, "spec": wanted, "status": status}


def _bound(registry: Registry, account: Object, reference: Mapping[str, Any] | None) -> Object | None:
    """The pod that a token is to end with."""
    if not reference:
        return None
    if reference.get("kind") != kinds.POD.name:
        raise errors.bad_request(f"cannot bind token to a {reference.get('kind')}: the embedded cloud binds to a Pod")
    pod = registry.get(kinds.POD, (objects.namespace(account), reference.get("name", "")))
    if reference.get("uid", objects.uid(pod)) != objects.uid(pod):
        why = f"the UID in the bound object reference ({reference['uid']}) does not match the UID in record"
        raise errors.conflict(kinds.POD, objects.name(pod), f"{why}. The object might have been deleted and recreated")
    if objects.spec(pod).get("serviceAccountName") != objects.name(account):
        why = f'cannot bind token for serviceaccount "{objects.name(account)}" to pod running with different'
        raise errors.bad_request(f"{why} serviceaccount name.")
    return pod


def reviewed(spec: Mapping[str, Any], tokens: Tokens, authenticate: Callable[[str], User | None]) -> dict[str, Any]:
    """Whose a token is, as status of the review. It may be for other `audiences` than the cluster."""
    token, audiences = spec.get("token") or "", spec.get("audiences") or [ISSUER]
    user = tokens.user(token, audiences)
    matched = [each for each in audiences if each in tokens.audiences(token)]
    if user is None and ISSUER in audiences:
        user, matched = authenticate(token), [ISSUER]
    if user is None:
        return {"user": {}, "error": "invalid bearer token, or for none of the audiences"}
    extra = {"extra": {name: list(values) for name, values in user.extra.items()}} if user.extra else {}
    uid = {"uid": user.uid} if user.uid else {}
    told = {"username": user.name, **uid, "groups": list(user.all_groups), **extra}
    return {"authenticated": True, "user": told, "audiences": matched}
