"""How boto3 reaches a cloud: the embedded one by its URL and made-up credentials, AWS by the caller's own."""

import os
from dataclasses import dataclass
from typing import Any

_ISOLATED: dict[str, tuple[str | None, str | None, str | None, None]] = {
    # The embedded cloud must not notice the profile, region or endpoints of somebody's AWS configuration.
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}


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
            max_pool_connections=32,
            user_agent_extra="cloudcafe",
        )
        return session.client(service, endpoint_url=self.endpoint_url, config=config)
