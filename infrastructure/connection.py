"""How boto3 reaches a cloud: the embedded one by its URL and the credentials that it made, AWS by the caller's own."""

import os
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

from infrastructure import kubernetes
from infrastructure.errors import EnvironmentFault

_ISOLATED: dict[str, tuple[str | None, str | None, str | None, None]] = {
    # The embedded cloud must not notice the profile, region or endpoints of somebody's AWS configuration.
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

_CONNECTIONS = 256
"""Kept open for one service at most: a surge calls from so many threads at once, and should not pay for connecting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Region, and for the embedded cloud its URL and credentials; all three are None on AWS."""

    region: str
    endpoint_url: str | None = None
    access_key: str | None = None
    secret_key: str | None = field(default=None, repr=False)

    @property
    def is_embedded(self) -> bool:
        return self.endpoint_url is not None


class Clients:
    """boto3 clients by service name, each built once. Clients are thread-safe, building them is not."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._session: Any = None
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()

    def __call__(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._built(service)
            return self._clients[service]

    def _built(self, service: str) -> Any:
        """A client whose time-outs end. Importing boto3 costs half a CPU second, so it happens here and not before."""
        import boto3
        import botocore.session
        from botocore.config import Config

        known = self._connection
        if self._session is None:
            self._session = boto3.Session(
                aws_access_key_id=known.access_key,
                aws_secret_access_key=known.secret_key,
                region_name=known.region,
                botocore_session=botocore.session.Session(session_vars=_ISOLATED) if known.is_embedded else None,
            )
        config = Config(
            connect_timeout=2 if known.is_embedded else 5,
            read_timeout=30,
            # A second try at the embedded cloud would hide what the first ran into, and repeat a mutation whose answer
            # was lost.
            retries={"mode": "standard", "total_max_attempts": 1 if known.is_embedded else 5},
            proxies={} if known.is_embedded else None,
            max_pool_connections=_CONNECTIONS,
            user_agent_extra="cloudcafe",
        )
        return self._session.client(service, endpoint_url=known.endpoint_url, config=config)


_NOT_LET_IN = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "InvalidAccessKeyId"}
)
"""AWS's own answers to credentials that have expired, or are nobody's.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""


def fault_of(error: BaseException) -> EnvironmentFault | None:
    """What an exception says of the way to the cloud, with the next step; None for any other exception.

    Of botocore's, and of the Kubernetes client's.
    """
    return _of_botocore(error) or kubernetes.fault_of(error)


def _of_botocore(error: BaseException) -> EnvironmentFault | None:
    """No answer (refused, timed out, cut off) and no credentials, or none that AWS takes, are the environment's fault.
    What else the cloud did answer (`ClientError`) and what was asked wrongly are not.
    """
    if "botocore.exceptions" not in sys.modules:  # nothing of botocore's can have been raised
        return None
    from botocore import exceptions

    if isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        return EnvironmentFault(
            f"the cloud does not answer: {error}. Look at it: cafe status; a hung embedded one leaves its last lines"
            " in `cafe logs cloud`, and `cafe down` ends it"
        )
    code = error.response.get("Error", {}).get("Code") if isinstance(error, exceptions.ClientError) else None
    if code in _NOT_LET_IN:
        return EnvironmentFault(
            f"AWS does not take the credentials: {error}. Next: `aws sso login`, or new keys; `aws sts"
            " get-caller-identity` shows who you are"
        )
    no_way_in = (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.ProfileNotFound,
        exceptions.TokenRetrievalError,
        exceptions.NoAuthTokenError,
        exceptions.SSOError,
        exceptions.LoginError,
    )
    if isinstance(error, no_way_in):
        return EnvironmentFault(
            f"no credentials for AWS: {error}. Next: `aws configure` or `aws sso login`; `aws sts get-caller-identity`"
            " shows who you are"
        )
    return None
