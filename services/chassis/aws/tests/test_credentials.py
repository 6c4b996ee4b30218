"""A task whose credentials cannot be renewed: the call fails as any other does, and the event loop does not wait."""

import asyncio
import datetime as dt
import threading
from collections.abc import Callable

import botocore.session
import pytest
from botocore.credentials import RefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

from services.chassis.aws.client import AwsApi, Identity
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import DYNAMODB
from services.chassis.resilience.policy import Fragile
from services.chassis.web.health import Dependencies

KEYS = {"access_key": "AK", "secret_key": "SK", "token": "T"}
ADVISED, DEMANDED = dt.timedelta(minutes=12), dt.timedelta(seconds=-1)
"""What is left to credentials that botocore would rather renew, and to those that it must."""


def identity(monkeypatch: pytest.MonkeyPatch, left: dt.timedelta, renew: Callable[[], dict[str, str]]) -> Identity:
    expires = dt.datetime.now(dt.UTC) + left
    credentials = RefreshableCredentials("AK", "SK", "T", expires, renew, "container-role")
    monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _self: credentials)
    return Identity()


def away() -> dict[str, str]:
    raise CredentialRetrievalError(provider="container-role", error_msg="the endpoint is away")


def test_credentials_that_cannot_be_renewed_fail_the_call_as_aws_would(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        dependencies = Dependencies("dynamodb")
        who = identity(monkeypatch, DEMANDED, away)
        api = AwsApi(DYNAMODB, region="us-east-1", identity=who, resilience=Fragile(), dependencies=dependencies)
        with pytest.raises(AwsError, match="the endpoint is away") as raised:
            await api.call("ListTables", {})
        assert raised.value.is_retryable
        assert not raised.value.may_have_happened
        assert dependencies.report()["dynamodb"]["state"] == "failing"

    asyncio.run(ask())


@pytest.mark.parametrize("left", [ADVISED, DEMANDED], ids=["still good", "expired"])
def test_the_event_loop_never_renews(monkeypatch: pytest.MonkeyPatch, left: dt.timedelta) -> None:
    threads: list[threading.Thread] = []

    def renew() -> dict[str, str]:
        threads.append(threading.current_thread())
        if left is ADVISED:
            return away()
        return {**KEYS, "expiry_time": (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()}

    async def ask() -> str:
        return (await identity(monkeypatch, left, renew).keys(within_s=None)).access

    assert asyncio.run(ask()) == "AK"
    assert threads
    assert threading.main_thread() not in threads


def test_a_renewal_takes_no_longer_than_the_call_may(monkeypatch: pytest.MonkeyPatch) -> None:
    may_end = threading.Event()

    def renew() -> dict[str, str]:
        may_end.wait()
        return away()

    async def ask() -> None:
        try:
            with pytest.raises(AwsError, match=r"0\.01 s"):
                await identity(monkeypatch, DEMANDED, renew).keys(within_s=0.01)
        finally:
            may_end.set()

    asyncio.run(ask())
