"""The bearer tokens of `aws eks get-token`: a presigned call of STS GetCallerIdentity that names the cluster.

What is presigned is verified as any call is, so a token proves whose keys made it. It is good for a quarter of an hour
after it was made, whatever it says itself (`aws eks get-token` says a minute, and has kubectl keep it for fourteen).
Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

import base64
import binascii
from urllib.parse import parse_qs, urlsplit

from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.signing import sigv4
from infrastructure.embedded.gateway.signing.authentication import Authentication, Unproven
from infrastructure.embedded.gateway.signing.credentials import Principal

_PREFIX = "k8s-aws-v1."
_CLUSTER = "x-k8s-aws-id"
_LONGEST = 8_192
_MOST_S = 900
_SKEW_S = 300.0
"""How far the clock of whoever made it may be ahead."""


def caller_of(token: str, cluster: str, authentication: Authentication, at: float) -> Principal | None:
    """Whose keys made the token for this cluster; None for one that is none, or no good."""
    if not token.startswith(_PREFIX) or len(token) > _LONGEST:
        return None
    encoded = token.removeprefix(_PREFIX)
    try:
        url = urlsplit(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode())
        query = parse_qs(url.query)
    except (binascii.Error, ValueError):
        return None
    if not _asks_who(query):
        return None
    made = sigv4.unix_time(query.get("X-Amz-Date", [""])[0])
    if made is None or not -_SKEW_S <= at - made <= _MOST_S:
        return None
    headers = {"host": url.netloc, _CLUSTER: cluster}
    request = HttpRequest(method="GET", path=url.path or "/", query=url.query, headers=headers, body=b"")
    try:
        issued = authentication.check(request, made)[0]
    except Unproven:
        return None
    return issued.principal if issued.expires_at is None or issued.expires_at > at else None


def _asks_who(query: dict[str, list[str]]) -> bool:
    """Whether it is that call and no other, signed together with the cluster's name, for no longer than may be."""
    signed = query.get("X-Amz-SignedHeaders", [""])[0].split(";")
    expires = query.get("X-Amz-Expires", [""])[0]
    is_short = expires.isdecimal() and int(expires) <= _MOST_S
    scope = query.get("X-Amz-Credential", [""])[0].split("/")
    is_sts = len(scope) > 2 and scope[-2] == "sts"
    return query.get("Action") == ["GetCallerIdentity"] and _CLUSTER in signed and is_short and is_sts
