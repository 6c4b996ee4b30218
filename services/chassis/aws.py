"""Calls to AWS's JSON APIs over our own keep-alive client, under our own resilience.

botocore's retries would sit below our policy and multiply with it, and its clients cost 1-1.5 ms a call, so only its
way of finding credentials is used. DynamoDB, SQS, Kinesis, CloudWatch and Secrets Manager all speak this protocol.
"""

import asyncio
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

import botocore.session
import orjson
from botocore.credentials import Credentials, RefreshableCredentials

from services.chassis import deadline
from services.chassis.aws_errors import AwsError, read_error
from services.chassis.health import Dependencies
from services.chassis.http_client import HttpPool, Interrupted, Unreachable
from services.chassis.resilience import Resilience, Timeouts
from services.chassis.sigv4 import Keys, Signer

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """How one AWS API is addressed: its signing name, the prefix of X-Amz-Target, the JSON protocol's version."""

    name: str
    signing_name: str
    endpoint_prefix: str
    target: str
    version: str
    variable: str
    """The environment variable every AWS SDK reads its endpoint from."""


DYNAMODB: Final = Service(
    name="dynamodb",
    signing_name="dynamodb",
    endpoint_prefix="dynamodb",
    target="DynamoDB_20120810",
    version="1.0",
    variable="AWS_ENDPOINT_URL_DYNAMODB",
)
SQS: Final = Service(
    name="sqs",
    signing_name="sqs",
    endpoint_prefix="sqs",
    target="AmazonSQS",
    version="1.0",
    variable="AWS_ENDPOINT_URL_SQS",
)
KINESIS: Final = Service(
    name="kinesis",
    signing_name="kinesis",
    endpoint_prefix="kinesis",
    target="Kinesis_20131202",
    version="1.1",
    variable="AWS_ENDPOINT_URL_KINESIS",
)
CLOUDWATCH: Final = Service(
    name="cloudwatch",
    signing_name="monitoring",
    endpoint_prefix="monitoring",
    target="GraniteServiceVersion20100801",
    version="1.0",
    variable="AWS_ENDPOINT_URL_CLOUDWATCH",
)
SECRETS: Final = Service(
    name="secretsmanager",
    signing_name="secretsmanager",
    endpoint_prefix="secretsmanager",
    target="secretsmanager",
    version="1.1",
    variable="AWS_ENDPOINT_URL_SECRETS_MANAGER",
)


def endpoint(service: Service, region: str) -> str:
    """Where `service` is reached: its own variable, the general one, or AWS's address in `region`."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return (
        os.environ.get(service.variable)
        or os.environ.get("AWS_ENDPOINT_URL")
        or f"https://{service.endpoint_prefix}.{region}.{suffix}"
    ).rstrip("/")


class Identity:
    """The credentials of this task, found the way every AWS SDK finds them, renewed without stopping the event loop."""

    def __init__(self) -> None:
        credentials = botocore.session.get_session().get_credentials()
        if credentials is None:
            raise AwsError(operation="sign", code="NoCredentials", message="this task has no AWS credentials")
        self.credentials: Credentials = credentials

    def keys(self) -> Keys:
        """The credentials as they are now."""
        frozen = self.credentials.get_frozen_credentials()
        return Keys(access=str(frozen.access_key), secret=str(frozen.secret_key), token=frozen.token)

    async def renew(self) -> None:
        """Fetch new credentials in a thread when the present ones are about to expire."""
        if isinstance(self.credentials, RefreshableCredentials) and self.credentials.refresh_needed():
            await asyncio.to_thread(self.credentials.get_frozen_credentials)


class Caller(Protocol):
    """Performs operations of one AWS API."""

    async def call(self, operation: str, parameters: Json) -> Json:
        """The answer's document; `AwsError`."""
        ...


class AwsApi:
    """One AWS API, spoken to by one task: a `Caller`."""

    def __init__(
        self, service: Service, *, region: str, identity: Identity, resilience: Resilience, dependencies: Dependencies
    ) -> None:
        self._service = service
        self._identity = identity
        self._resilience = resilience
        self._dependencies = dependencies
        self._timeouts: Timeouts = resilience.timeouts
        self._url = endpoint(service, region) + "/"
        self._pool = HttpPool(
            self._url.rstrip("/"), connect_timeout_s=self._timeouts.connect_s, heals_stale=resilience.is_retrying
        )
        self._signer = Signer(service.signing_name, region)

    async def call(self, operation: str, parameters: Json) -> Json:
        """Perform `operation` under the resilience policy; `AwsError` once it gives up.

        The same bytes are sent again on a retry, so what makes a call idempotent belongs into `parameters`.
        """
        body = orjson.dumps(parameters)
        return await self._resilience.call(lambda: self._attempt(operation, body))

    async def _attempt(self, operation: str, body: bytes) -> Json:
        try:
            await self._identity.renew()
            request = self._signed(operation, body)
            response = await self._pool.send(request, timeout_s=self._patience())
        except (Unreachable, Interrupted) as silence:
            self._dependencies.failed(self._service.name, str(silence))
            raise AwsError(
                operation=operation,
                code=type(silence).__name__,
                message=str(silence),
                may_have_happened=isinstance(silence, Interrupted),
            ) from silence
        return self._read(operation, response.status, response.body)

    def _patience(self) -> float | None:
        if self._timeouts.read_s is None:
            return None
        return min(self._timeouts.read_s, deadline.remaining())

    def _read(self, operation: str, status: int, body: bytes) -> Json:
        try:
            document = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            document = {"message": f"no JSON but {body[:80]!r}"}
            status = status if status >= 400 else 502
        if status < 400 and isinstance(document, dict):
            self._dependencies.succeeded(self._service.name)
            return document
        error = read_error(operation, status, document)
        if error.is_retryable:
            self._dependencies.failed(self._service.name, error.code)
        else:
            self._dependencies.succeeded(self._service.name)  # it answered; the question was wrong, or answered with no
        raise error

    def _signed(self, operation: str, body: bytes) -> bytes:
        headers = {
            "content-type": f"application/x-amz-json-{self._service.version}",
            "host": self._pool.host,
            "x-amz-target": f"{self._service.target}.{operation}",
        }
        signed = self._signer.sign(headers, body, self._identity.keys(), datetime.now(UTC))
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"POST / HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    def close(self) -> None:
        self._pool.close()
