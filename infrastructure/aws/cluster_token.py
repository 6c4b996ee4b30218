"""The bearer token that lets an IAM principal into an EKS cluster: what `aws eks get-token` prints.

A presigned call of STS GetCallerIdentity that names the cluster, in a header that is signed along. EKS takes it for a
quarter of an hour, whatever it says itself.
Source: https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
"""

import base64
from typing import Any, Protocol

EXPIRES_S = 60
"""What the AWS CLI signs."""


class Keys(Protocol):
    """Credentials, as botocore's or the embedded cloud's are."""

    @property
    def access_key(self) -> str: ...
    @property
    def secret_key(self) -> str: ...
    @property
    def token(self) -> str | None: ...


def cluster_token(keys: Keys, region: str, cluster: str, *, expires_s: int = EXPIRES_S) -> str:
    """The token of whoever has `keys`, for the cluster called `cluster`."""
    import botocore.session
    from botocore.credentials import Credentials
    from botocore.model import ServiceId
    from botocore.signers import RequestSigner

    own = Credentials(keys.access_key, keys.secret_key, keys.token)
    make: Any = RequestSigner  # botocore publishes no types of it
    events = botocore.session.get_session().get_component("event_emitter")
    signer = make(ServiceId("STS"), region, "sts", "v4", own, events)
    asked: Any = {
        "method": "GET",
        "url": f"https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15",
        "body": {},
        "headers": {"x-k8s-aws-id": cluster},
        "context": {},
    }
    url = signer.generate_presigned_url(asked, region_name=region, expires_in=expires_s, operation_name="")
    return "k8s-aws-v1." + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
