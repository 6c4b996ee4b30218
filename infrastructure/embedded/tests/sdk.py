"""boto3's clients, as the tests of the embedded cloud use them."""

from typing import Any

import boto3
from botocore.config import Config

from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.tests.control import OPERATOR, REGION


def client(service: str, url: str, keys: Credentials = OPERATOR, **settings: Any) -> Any:
    """A client that tries once; `settings` are botocore's."""
    made: Any = boto3.client  # its stubs know no service by a variable
    return made(
        service,
        region_name=REGION,
        endpoint_url=url,
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        config=Config(retries={"total_max_attempts": 1}, read_timeout=30, **settings),
    )
