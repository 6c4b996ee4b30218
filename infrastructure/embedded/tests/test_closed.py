"""Closed to others: who has no keys of this cloud's is refused by every API, in that API's own words."""

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.gateway.signing.sigv4 import Signer
from infrastructure.embedded.gateway.tests.served_plane import Reply, serving
from infrastructure.embedded.tests.control import OPERATOR, REGION, run
from infrastructure.state import PlatformRecord, StateFolder

INVENTED = Credentials(access_key="AKIAEVIL", secret_key="junk")
STRAY = replace(OPERATOR, token="stray")
WRONG = replace(OPERATOR, secret_key="junk")

JSON = {
    "unsigned": ("MissingAuthenticationTokenException", 403),
    "invented": ("UnrecognizedClientException", 403),
    "stray": ("UnrecognizedClientException", 403),
    "wrong": ("InvalidSignatureException", 403),
    "late": ("InvalidSignatureException", 403),
}
QUERY = {
    "unsigned": ("MissingAuthenticationToken", 403),
    "invented": ("InvalidClientTokenId", 403),
    "stray": ("InvalidClientTokenId", 403),
    "wrong": ("SignatureDoesNotMatch", 403),
    "late": ("SignatureDoesNotMatch", 403),
}
EC2 = {
    "unsigned": ("MissingAuthenticationToken", 403),
    "invented": ("AuthFailure", 401),
    "stray": ("AuthFailure", 401),
    "wrong": ("AuthFailure", 401),
    "late": ("RequestExpired", 400),
}
S3 = {
    "unsigned": ("AccessDenied", 403),
    "invented": ("InvalidAccessKeyId", 403),
    "stray": ("InvalidToken", 400),
    "wrong": ("SignatureDoesNotMatch", 403),
    "late": ("RequestTimeTooSkewed", 403),
}
WORDS = {"json": JSON, "rest-json": JSON, "query": QUERY, "ec2": EC2, "rest-xml": S3}
HOW: dict[str, tuple[Credentials | None, float]] = {
    "unsigned": (None, 0.0),
    "invented": (INVENTED, 0.0),
    "stray": (STRAY, 0.0),
    "wrong": (WRONG, 0.0),
    "late": (OPERATOR, -3600.0),
}


def _asked(api: Api) -> tuple[str, str, dict[str, str], bytes]:
    """A read of the API as an SDK writes it: method, path, headers, body."""
    model: Any = botocore.session.get_session().get_service_model(api.model_name)
    if api.protocol == "json":
        version = model.metadata.get("jsonVersion", "1.0")
        kind = f"application/x-amz-json-{version}"
        target = f"{model.metadata['targetPrefix']}.{min(model.operation_names)}"
        return "POST", "/", {"content-type": kind, "x-amz-target": target}, b"{}"
    if api.protocol in ("query", "ec2"):
        body = f"Action={min(model.operation_names)}&Version={model.api_version}"
        return "POST", "/", {"content-type": "application/x-www-form-urlencoded"}, body.encode()
    return "GET", "/bucket/key" if api.protocol == "rest-xml" else "/2015-03-31/functions", {}, b""


def _ask(api: Api, keys: Credentials | None, ahead_s: float) -> Reply:
    async def scenario() -> Reply:
        async with serving() as (_, client):
            method, path, headers, body = _asked(api)
            given = {"host": "127.0.0.1", **headers}
            if keys is not None:
                given = Signer(keys, api.name, REGION).sign(method, path, given, body, time.time() + ahead_s)
            return await client.ask(method, path, given, body)

    return run(scenario())


def _code(api: Api, reply: Reply) -> str:
    """The error's code, read as the API's own protocol has it."""
    if "json" in api.protocol:
        return reply.headers["x-amzn-errortype"]
    shape = {
        "query": rb"<ErrorResponse><Error><Type>Sender</Type><Code>(\w+)</Code>",
        "ec2": rb"<Response><Errors><Error><Code>(\w+)</Code>",
        "rest-xml": rb"<Error><Code>(\w+)</Code>",
    }[api.protocol]
    found = re.match(shape, reply.body)
    assert found is not None, reply.body
    return found[1].decode()


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("api", PROVIDERS, ids=lambda api: api.model_name)
def test_a_stranger_is_refused_by_every_api_in_its_own_words(api: Api, how: str) -> None:
    reply = _ask(api, *HOW[how])
    assert (_code(api, reply), reply.status) == WORDS[api.protocol][how]


@pytest.mark.parametrize("api", PROVIDERS, ids=lambda api: api.model_name)
def test_who_has_the_keys_is_not(api: Api) -> None:
    """Whatever comes back, it is no refusal of the signature."""
    reply = _ask(api, OPERATOR, 0.0)
    said = reply.body.decode() + reply.headers.get("x-amzn-errortype", "")
    assert not [code for words in WORDS.values() for code, _ in words.values() if code in said]


@pytest.mark.parametrize("keys", [None, INVENTED, WRONG, STRAY], ids=["unsigned", "invented", "wrong", "stray"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/_cafe/status"), ("POST", "/_cafe/status"), ("GET", "/_cafe/x")])
def test_the_daemons_own_pages_are_closed_too(method: str, path: str, keys: Credentials | None) -> None:
    async def scenario() -> None:
        async with serving() as (_, client):
            reply = await (client.signed("cafe", method, path, keys=keys) if keys else client.ask(method, path))
            assert (reply.status, list(reply.json)) == (403, ["error"])
            assert "cafe env" in reply.json["error"]

    run(scenario())


def test_a_task_may_ask_who_it_is_without_keys() -> None:
    """As on AWS, where the metadata endpoint is not signed for."""

    async def scenario() -> None:
        async with serving() as (_, client):
            assert (await client.ask("GET", "/_cafe/ecs-metadata/v4/task-1/task")).status == 200
            assert (await client.ask("GET", "/_cafe/ecs-metadata/../status")).status == 403

    run(scenario())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as somebody else")
def test_another_user_cannot_read_the_keys() -> None:
    """Even where somebody has opened the folders: the file itself is closed."""
    with tempfile.TemporaryDirectory() as folder:
        state = StateFolder(Path(folder) / "dev")
        state.create()
        _record().write(state)
        control = state.root / "control"
        control.write_text("control")
        for each in (Path(folder), state.root):
            each.chmod(0o755)
        assert _read_by_somebody_else(control) == "control"
        assert "Permission denied" in _read_by_somebody_else(state.platform)


def _record() -> PlatformRecord:
    return PlatformRecord(
        platform_id="id",
        pid=1,
        url="http://127.0.0.1:1",
        access_key="AKIA",
        secret_key="s3cret",
        pace="fast",
        region=REGION,
        started_at=0.0,
        detached=True,
    )


def _read_by_somebody_else(file: Path) -> str:
    said = subprocess.run(
        [shutil.which("cat") or "/bin/cat", str(file)],
        user=54321,
        group=54321,
        extra_groups=(),
        env={"LC_ALL": "C"},
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    return said.stdout + said.stderr
