"""Requests without a signature: let in where a bucket's policy opens it to everybody, and it may."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infrastructure.embedded.apis.s3.anonymous import Anonymous
from infrastructure.embedded.gateway.tests.served_plane import Client, serving
from infrastructure.embedded.tests.control import fresh_backends, run

READ = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::menu/public/*"}
LIST = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::menu"}


@asynccontextmanager
async def bucket(*statements: Mapping[str, Any], is_blocked: bool = False) -> AsyncIterator[Client]:
    """`menu` with an object in `public/` and one beside, and a policy."""
    backends = fresh_backends()
    async with serving(interceptors=(Anonymous(backends),), backends=backends) as (_, client):
        await client.signed("s3", "PUT", "/menu")
        for key in ("public/latte", "secret"):
            await client.signed("s3", "PUT", f"/menu/{key}", body=key.encode())
        if not is_blocked:
            await client.signed("s3", "DELETE", "/menu?publicAccessBlock")
        body = json.dumps({"Version": "2012-10-17", "Statement": list(statements)}).encode()
        answer = await client.signed("s3", "PUT", "/menu?policy", body=body)
        assert (answer.status == 403) == is_blocked, answer.body
        yield client


def test_everybody_reads_what_the_policy_opens_and_nothing_beside() -> None:
    async def scenario() -> None:
        async with bucket(READ) as client:
            answer = await client.ask("GET", "/menu/public/latte")
            assert (answer.status, answer.body) == (200, b"public/latte")
            assert (await client.ask("HEAD", "/menu/public/latte")).status == 200
            for method, path in (
                ("GET", "/menu/secret"),
                ("GET", "/menu"),
                ("PUT", "/menu/public/latte"),
                ("DELETE", "/menu/public/latte"),
                ("GET", "/menu?policy"),
                ("GET", "/menu/public/latte?tagging"),
            ):
                denied = await client.ask(method, path)
                assert (denied.status, b"<Code>AccessDenied</Code>" in denied.body) == (403, True), path

    run(scenario())


def test_who_may_not_list_is_not_told_what_is_not_there() -> None:
    async def scenario() -> None:
        async with bucket(READ) as client:
            assert (await client.ask("GET", "/menu/public/none")).status == 403
        async with bucket(READ, LIST) as client:
            assert (await client.ask("GET", "/menu/public/none")).status == 404
            assert b"<Key>secret</Key>" in (await client.ask("GET", "/menu?list-type=2")).body

    run(scenario())


def test_a_bucket_that_is_not_there_is_told_to_everybody() -> None:
    async def scenario() -> None:
        async with bucket(READ) as client:
            answer = await client.ask("GET", "/nobodys-bucket/key")
            assert (answer.status, b"NoSuchBucket" in answer.body) == (404, True)

    run(scenario())


CLOSED = {
    "a condition": [{**READ, "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}}],
    "an account": [{**READ, "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}],
    "a denial beside": [READ, {**READ, "Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}],
    "a denial of all but one": [READ, {"Effect": "Deny", "Principal": "*", "NotAction": "s3:List*", "Resource": "*"}],
    "another action": [{**READ, "Action": ["s3:GetObjectTagging"]}],
    "an allowance of all but one": [{"Effect": "Allow", "Principal": "*", "NotAction": "s3:P*", "Resource": "*"}],
}


@pytest.mark.parametrize("statements", CLOSED.values(), ids=CLOSED)
def test_what_does_not_open_a_bucket(statements: list[dict[str, Any]]) -> None:
    async def scenario() -> None:
        async with bucket(*statements) as client:
            assert (await client.ask("GET", "/menu/public/latte")).status == 403

    run(scenario())


def test_a_new_bucket_refuses_a_policy_that_would_open_it() -> None:
    async def scenario() -> None:
        async with bucket(READ, is_blocked=True) as client:
            assert (await client.ask("GET", "/menu/public/latte")).status == 403
            found = await client.signed("s3", "GET", "/menu?publicAccessBlock")
            assert found.body.count(b">true<") == 4

    run(scenario())


def test_a_policy_that_stands_opens_nothing_once_public_access_is_blocked_again() -> None:
    async def scenario() -> None:
        async with bucket(READ) as client:
            setting = b"<RestrictPublicBuckets>true</RestrictPublicBuckets>"
            block = b"<PublicAccessBlockConfiguration>%b</PublicAccessBlockConfiguration>" % setting
            assert (await client.signed("s3", "PUT", "/menu?publicAccessBlock", body=block)).status == 200
            assert (await client.ask("GET", "/menu/public/latte")).status == 403

    run(scenario())


def test_a_signature_that_is_wrong_is_not_taken_for_none() -> None:
    async def scenario() -> None:
        async with bucket(READ) as client:
            headers = {"authorization": "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/s3/aws4_request"}
            assert (await client.ask("GET", "/menu/public/latte", headers)).status in (400, 403)

    run(scenario())
