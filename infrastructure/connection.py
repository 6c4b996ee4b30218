"""How boto3 reaches a cloud: the embedded one by its URL and made-up credentials, AWS by the caller's own."""

import os
import sys
from dataclasses import dataclass
from typing import Any

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
    secret_key: str | None = None

    @property
    def is_embedded(self) -> bool:
        return self.endpoint_url is not None

    def session(self) -> Any:
        """A boto3 session; importing boto3 costs half a CPU second, so it happens here and not before."""
        import boto3
        import botocore.session

        if not self.is_embedded:
            return boto3.Session(region_name=self.region)
        return boto3.Session(
            aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key,
            region_name=self.region,
            botocore_session=botocore.session.Session(session_vars=_ISOLATED),
        )

    def client(self, session: Any, service: str) -> Any:
        """A client whose time-outs end. The embedded cloud is asked once, AWS may be asked again."""
        from botocore.config import Config

        if not self.is_embedded:
            config = Config(
                max_pool_connections=_CONNECTIONS,
                connect_timeout=5,
                read_timeout=30,
                retries={"mode": "standard", "total_max_attempts": 5},
                user_agent_extra="cloudcafe",
            )
            return session.client(service, config=config)
        config = Config(
            connect_timeout=2,
            read_timeout=30,
            # A second try would hide what the first ran into, and repeat a mutation whose answer was lost.
            retries={"mode": "standard", "total_max_attempts": 1},
            proxies={},
            max_pool_connections=_CONNECTIONS,
            user_agent_extra="cloudcafe",
        )
        return session.client(service, endpoint_url=self.endpoint_url, config=config)


_NO_WAY_IN = (
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "TokenRetrievalError",
    "NoAuthTokenError",
    "SSOError",
    "LoginError",
)
"""botocore's exceptions for a caller who is not known; the last ones are the roots of several."""
_NOT_LET_IN = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "InvalidAccessKeyId"}
)
"""AWS's own answers to credentials that have expired, or are nobody's.

Source: https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
"""


def fault_of(error: BaseException) -> EnvironmentFault | None:
    """What an exception of botocore's says of the way to the cloud, with the next step; None for any other exception.

    No answer (refused, timed out, cut off) and no credentials, or none that AWS takes, are the environment's fault.
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
    if isinstance(error, tuple(getattr(exceptions, name) for name in _NO_WAY_IN)):
        return EnvironmentFault(
            f"no credentials for AWS: {error}. Next: `aws configure` or `aws sso login`; `aws sts get-caller-identity`"
            " shows who you are"
        )
    return None
