"""AWS's JSON APIs: how each is addressed, how a call is written and its answer read. No I/O.

DynamoDB, SQS, Kinesis, CloudWatch, Secrets Manager and Redshift's Data API all speak it. Two clients make the calls:
`client` in an event loop, `blocking` without one. Standard library and orjson alone: a function pays for each import.
"""

import os
from datetime import UTC, datetime
from typing import Final, NamedTuple, Protocol

import orjson

from services.chassis.aws.errors import read_error
from services.chassis.aws.sigv4 import Keys, Signer

Json = dict[str, object]


class JsonApi(NamedTuple):
    """How one AWS API is addressed: its signing name, the prefix of X-Amz-Target, the JSON protocol's version."""

    name: str
    signing_name: str
    endpoint_prefix: str
    target: str
    version: str
    variable: str
    """The environment variable every AWS SDK reads its endpoint from."""


DYNAMODB: Final = JsonApi(
    name="dynamodb",
    signing_name="dynamodb",
    endpoint_prefix="dynamodb",
    target="DynamoDB_20120810",
    version="1.0",
    variable="AWS_ENDPOINT_URL_DYNAMODB",
)
SQS: Final = JsonApi(
    name="sqs",
    signing_name="sqs",
    endpoint_prefix="sqs",
    target="AmazonSQS",
    version="1.0",
    variable="AWS_ENDPOINT_URL_SQS",
)
KINESIS: Final = JsonApi(
    name="kinesis",
    signing_name="kinesis",
    endpoint_prefix="kinesis",
    target="Kinesis_20131202",
    version="1.1",
    variable="AWS_ENDPOINT_URL_KINESIS",
)
CLOUDWATCH: Final = JsonApi(
    name="cloudwatch",
    signing_name="monitoring",
    endpoint_prefix="monitoring",
    target="GraniteServiceVersion20100801",
    version="1.0",
    variable="AWS_ENDPOINT_URL_CLOUDWATCH",
)
SECRETS: Final = JsonApi(
    name="secretsmanager",
    signing_name="secretsmanager",
    endpoint_prefix="secretsmanager",
    target="secretsmanager",
    version="1.1",
    variable="AWS_ENDPOINT_URL_SECRETS_MANAGER",
)
REDSHIFT_DATA: Final = JsonApi(
    name="redshift-data",
    signing_name="redshift-data",
    endpoint_prefix="redshift-data",
    target="RedshiftData",
    version="1.1",
    variable="AWS_ENDPOINT_URL_REDSHIFT_DATA",
)


def endpoint(service: JsonApi, region: str) -> str:
    """Where `service` is reached: its own variable, the general one, or AWS's address in `region`."""
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return (
        os.environ.get(service.variable)
        or os.environ.get("AWS_ENDPOINT_URL")
        or f"https://{service.endpoint_prefix}.{region}.{suffix}"
    ).rstrip("/")


class Caller(Protocol):
    """Performs operations of one AWS API."""

    async def call(self, operation: str, parameters: Json) -> Json:
        """The answer's document; `AwsError`."""
        ...


class Wire:
    """Writes the calls to one API and reads their answers; `host` is what the requests are addressed to."""

    def __init__(self, service: JsonApi, *, region: str, host: str) -> None:
        self._service = service
        self._host = host
        self._signer = Signer(service.signing_name, region)

    def request(self, operation: str, body: bytes, keys: Keys) -> bytes:
        """A complete, signed HTTP request: one write."""
        headers = {
            "content-type": f"application/x-amz-json-{self._service.version}",
            "host": self._host,
            "x-amz-target": f"{self._service.target}.{operation}",
        }
        signed = self._signer.sign(headers, body, keys, datetime.now(UTC))
        head = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"POST / HTTP/1.1\r\n{head}content-length: {len(body)}\r\n\r\n".encode("latin-1") + body

    @staticmethod
    def answer(operation: str, status: int, body: bytes) -> Json:
        """The document of an answer; `AwsError` when it says no or makes no sense."""
        try:
            document = orjson.loads(body) if body else {}
        except orjson.JSONDecodeError:
            document = {"message": f"no JSON but {body[:80]!r}"}
            status = status if status >= 400 else 502
        if status < 400 and isinstance(document, dict):
            return document
        raise read_error(operation, status, document)
