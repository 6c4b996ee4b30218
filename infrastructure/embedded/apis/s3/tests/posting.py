"""Forms as a browser posts them, to a control plane that serves, with fields that boto3 makes."""

import json
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config

from infrastructure.embedded.gateway.signing import sigv4
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.tests.served_plane import Client, Reply, serving
from infrastructure.embedded.tests.control import OPERATOR, REGION

BUCKET = "menu"
BOUNDARY = "7d44e178b0434"
Part = tuple[str, str | None, bytes]
"""Name, file name, data."""


@asynccontextmanager
async def bucket(**more: Any) -> AsyncIterator[Client]:
    """A connection to a cloud with a bucket."""
    async with serving(**more) as (_, client):
        assert (await client.signed("s3", "PUT", f"/{BUCKET}")).status == 200
        yield client


def signer(version: str = "s3v4", keys: Credentials = OPERATOR, region: str = REGION) -> Any:
    """boto3's client, which signs by itself and calls nobody for that."""
    return boto3.client(
        "s3",
        region_name=region,
        endpoint_url="http://127.0.0.1",
        aws_access_key_id=keys.access_key,
        aws_secret_access_key=keys.secret_key,
        aws_session_token=keys.token,
        config=Config(signature_version=version),
    )


def presigned(
    key: str = "beans",
    *,
    fields: Mapping[str, str] | None = None,
    conditions: list[Any] | None = None,
    expires_s: int = 60,
    version: str = "s3v4",
    keys: Credentials = OPERATOR,
    region: str = REGION,
) -> dict[str, str]:
    """The fields of a form that boto3 signs; `fields` are covered, `conditions` come beside."""
    s3 = signer(version, keys, region)
    covered = [{name: value} for name, value in (fields or {}).items()]
    made = s3.generate_presigned_post(
        BUCKET, key, Fields=dict(fields or {}), Conditions=[*covered, *(conditions or [])], ExpiresIn=expires_s
    )
    found: dict[str, str] = made["fields"]
    return found


def signed(document: object, *, key: str = "beans", at: float | None = None) -> dict[str, str]:
    """The fields of a form with any policy: a document, or text that is none."""
    stamp = sigv4.stamp(time.time() if at is None else at)
    scope = sigv4.Scope(day=stamp[:8], region=REGION, service="s3")
    text = document if isinstance(document, str) else json.dumps(document)
    policy = b64encode(text.encode()).decode()
    return {
        "key": key,
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{OPERATOR.access_key}/{scope}",
        "x-amz-date": stamp,
        "policy": policy,
        "x-amz-signature": sigv4.signature_of(sigv4.signing_key(OPERATOR.secret_key, scope), policy),
    }


def form(fields: Mapping[str, str], file: bytes = b"arabica", filename: str | None = "beans.txt") -> list[Part]:
    """The parts of a form: fields in their order, then the file."""
    return [*((name, None, value.encode()) for name, value in fields.items()), ("file", filename, file)]


def body(parts: Sequence[Part]) -> bytes:
    """As it is sent."""
    made = b""
    for name, filename, data in parts:
        said = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename is not None else "")
        made += f"--{BOUNDARY}\r\nContent-Disposition: {said}\r\n\r\n".encode() + data + b"\r\n"
    return made + f"--{BOUNDARY}--\r\n".encode()


async def post(client: Client, parts: Sequence[Part], path: str = f"/{BUCKET}") -> Reply:
    """What the cloud answers."""
    return await client.ask("POST", path, {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}, body(parts))


async def kept(client: Client, key: str = "beans") -> Reply:
    """The object."""
    return await client.signed("s3", "GET", f"/{BUCKET}/{key}")


@dataclass(frozen=True)
class Said:
    """What an answer refuses."""

    status: int
    code: str
    message: str
    text: str


def said(reply: Reply) -> Said:
    """The error in an answer's XML."""
    from xml.etree import ElementTree as ET

    found = ET.fromstring(reply.body)  # noqa: S314 - our own
    assert found.tag == "Error"
    return Said(reply.status, found.findtext("Code") or "", found.findtext("Message") or "", reply.body.decode())
