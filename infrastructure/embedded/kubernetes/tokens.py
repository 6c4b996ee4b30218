"""Tokens of service accounts: signed JSON that says whose it is, how long it is good, and with which pod it ends.

A token is nothing that is kept: it is good while its account is there, and its pod where it is bound to one. Its key is
the cluster's, made anew with every start.
Source: https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#service-account-tokens;
https://docs.aws.amazon.com/eks/latest/userguide/service-accounts.html (pods' tokens are extended to 90 days)
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from infrastructure.embedded.kubernetes.api.access import User
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

ISSUER = "https://kubernetes.default.svc.cluster.local"
"""Who makes them; also whom they are for, where nobody else is named."""
INJECTED_S = 3607
"""How long a token is asked for by what admission adds to a pod. These alone are extended: many clients read once."""
_EXTENDED_S = 90 * 24 * 3600
_PREFIX = "system:serviceaccount:"
_PART = 32
"""Bytes of each half of a signature (RFC 7518, section 3.4)."""
_LONGEST = 8 << 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A token, and when it is to be renewed at the latest, in seconds of Unix time."""

    token: str
    expires_at: float


class Tokens:
    """Makes tokens, and says whose one is."""

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self._key = ec.generate_private_key(ec.SECP256R1())

    def issue(
        self, account: Object, lifetime_s: int, audiences: Sequence[str] = (), pod: Object | None = None
    ) -> Issued:
        """One for `lifetime_s` seconds, for the cluster itself or other `audiences`; it ends with the `pod`."""
        now = int(self._clock())
        is_extended = pod is not None and lifetime_s == INJECTED_S and not audiences
        name, namespace = objects.name(account), objects.namespace(account)
        own: dict[str, Any] = {
            "namespace": namespace,
            "serviceaccount": {"name": name, "uid": objects.uid(account)},
            **({"pod": {"name": objects.name(pod), "uid": objects.uid(pod)}} if pod is not None else {}),
            **({"warnafter": now + lifetime_s} if is_extended else {}),
        }
        claims = {
            "aud": list(audiences) or [ISSUER],
            "exp": now + (_EXTENDED_S if is_extended else lifetime_s),
            "iat": now,
            "iss": ISSUER,
            "jti": objects.new_uid(),
            "kubernetes.io": own,
            "nbf": now,
            "sub": f"{_PREFIX}{namespace}:{name}",
        }
        return Issued(token=self._signed(claims), expires_at=now + lifetime_s)

    def user(self, token: str, audiences: Sequence[str] = (ISSUER,)) -> User | None:
        """Who it is, if it is good now, for one of the `audiences`; None otherwise."""
        claims = self._claims(token)
        if claims is None or claims["exp"] <= self._clock() or not set(audiences) & set(claims["aud"]):
            return None
        own = claims["kubernetes.io"]
        namespace, account, pod = own["namespace"], own["serviceaccount"], own.get("pod")
        if not self._is_there(kinds.SERVICE_ACCOUNT, namespace, account):
            return None
        if pod is not None and not self._is_there(kinds.POD, namespace, pod):
            return None
        told = {"credential-id": (f"JTI={claims['jti']}",)}
        told |= {"pod-name": (pod["name"],), "pod-uid": (pod["uid"],)} if pod is not None else {}
        return User(
            name=claims["sub"],
            uid=account["uid"],
            groups=("system:serviceaccounts", f"system:serviceaccounts:{namespace}"),
            extra={f"authentication.kubernetes.io/{key}": value for key, value in told.items()},
        )

    def audiences(self, token: str) -> list[str]:
        """Whom one that is good is for."""
        claims = self._claims(token)
        return list(claims["aud"]) if claims is not None else []

    def _is_there(self, kind: kinds.Kind, namespace: str, named: Mapping[str, str]) -> bool:
        found = self._store.get(kind.id, (namespace, named["name"]))
        return found is not None and objects.uid(found) == named["uid"]

    def _signed(self, claims: Mapping[str, Any]) -> str:
        said = (
            f"{_encoded(json.dumps({'alg': 'ES256', 'typ': 'JWT'}).encode())}.{_encoded(json.dumps(claims).encode())}"
        )
        first, second = decode_dss_signature(self._key.sign(said.encode(), ec.ECDSA(hashes.SHA256())))
        return f"{said}.{_encoded(first.to_bytes(_PART, 'big') + second.to_bytes(_PART, 'big'))}"

    def _claims(self, token: str) -> Mapping[str, Any] | None:
        """What it says, if it is one of ours; nothing of another is read."""
        said, _, signature = token.rpartition(".")
        if not said or len(token) > _LONGEST:
            return None
        try:
            raw = _decoded(signature)
            halves = (int.from_bytes(half, "big") for half in (raw[:_PART], raw[_PART:]))
            self._key.public_key().verify(encode_dss_signature(*halves), said.encode(), ec.ECDSA(hashes.SHA256()))
        except (InvalidSignature, ValueError, binascii.Error):
            return None
        claims: Mapping[str, Any] = json.loads(_decoded(said.partition(".")[2]))
        return claims


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
