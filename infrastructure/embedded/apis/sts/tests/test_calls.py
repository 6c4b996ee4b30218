"""Who STS says that a caller is, and what the credentials that it gives out are good for."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.apis.sts import users
from infrastructure.embedded.apis.sts.api import Sts
from infrastructure.embedded.gateway.signing.credentials import Credentials
from infrastructure.embedded.host.ports import Ports
from infrastructure.embedded.tests import sdk
from infrastructure.embedded.tests.control import ACCOUNT, Control, run

TRUST = '{"Version": "2012-10-17", "Statement": []}'
ROLE = f"arn:aws:iam::{ACCOUNT}:role/cooks/cook"


@dataclass
class Clock:
    """STS's time, which a test turns on; the gateway's is the machine's."""

    ahead_s: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@dataclass
class Account:
    """A control plane, and clients that call it."""

    url: str
    clock: Clock

    def ask(self, service: str, action: str, keys: Credentials | None = None, **members: Any) -> Any:
        """The answer that boto3 gets with the operator's keys, or with `keys`."""
        client = sdk.client(service, self.url, keys) if keys is not None else sdk.client(service, self.url)
        return getattr(client, action)(**members)

    def refusal(self, service: str, action: str, keys: Credentials | None = None, **members: Any) -> tuple[str, int]:
        """The code and the status of a call that must fail."""
        with pytest.raises(ClientError) as refused:
            self.ask(service, action, keys, **members)
        return refused.value.response["Error"]["Code"], refused.value.response["ResponseMetadata"]["HTTPStatusCode"]

    def session(self, action: str, **members: Any) -> Credentials:
        return _keys(self.ask("sts", action, **members)["Credentials"])


@asynccontextmanager
async def _account() -> AsyncIterator[Account]:
    control, ports, clock = Control(interceptors=()), Ports(), Clock()
    iam = control.backends.iam
    control.keyring.users = partial(users.issued, iam)
    control.backends.operations.bind("sts", Sts(control.keyring, iam, ACCOUNT, clock))
    port = ports.allocate()
    await control.plane.serve(port)
    try:
        yield Account(f"http://127.0.0.1:{port}", clock)
    finally:
        await control.plane.close()
        ports.close()


def _in_an_account(test: Callable[[Account], None]) -> None:
    async def scenario() -> None:
        async with _account() as account:
            await asyncio.to_thread(test, account)

    run(scenario())


def _keys(shown: dict[str, Any]) -> Credentials:
    return Credentials(
        access_key=shown["AccessKeyId"], secret_key=shown["SecretAccessKey"], token=shown.get("SessionToken")
    )


def test_the_operator_is_a_user() -> None:
    def test(account: Account) -> None:
        found = account.ask("sts", "get_caller_identity")
        assert (found["Arn"], found["Account"]) == (f"arn:aws:iam::{ACCOUNT}:user/operator", ACCOUNT)
        assert found["UserId"].startswith("AIDA")

    _in_an_account(test)


def test_a_role_is_assumed_for_an_hour_and_calls_with_its_own_keys() -> None:
    def test(account: Account) -> None:
        account.ask("iam", "create_role", RoleName="cook", Path="/cooks/", AssumeRolePolicyDocument=TRUST)
        answer = account.ask("sts", "assume_role", RoleArn=ROLE, RoleSessionName="breakfast")
        user = answer["AssumedRoleUser"]
        assert user["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/cook/breakfast"
        assert 3590 < answer["Credentials"]["Expiration"].timestamp() - time.time() <= 3600
        keys = _keys(answer["Credentials"])
        assert account.ask("sts", "get_caller_identity", keys)["Arn"] == user["Arn"]
        assert account.ask("sts", "get_caller_identity", keys)["UserId"] == user["AssumedRoleId"]
        assert account.ask("s3", "list_buckets", keys)["Buckets"] == []
        stray = Credentials(access_key=keys.access_key, secret_key=keys.secret_key, token="stray")
        bare = Credentials(access_key=keys.access_key, secret_key=keys.secret_key)
        assert account.refusal("sts", "get_caller_identity", stray) == ("InvalidClientTokenId", 403)
        assert account.refusal("dynamodb", "list_tables", bare) == ("UnrecognizedClientException", 403)

    _in_an_account(test)


def test_a_session_that_is_over_is_refused_in_each_apis_words() -> None:
    def test(account: Account) -> None:
        account.clock.ahead_s = -12 * 3600 - 1
        over = account.session("get_session_token")
        assert account.refusal("sts", "get_caller_identity", over) == ("ExpiredToken", 403)
        assert account.refusal("ecs", "list_clusters", over) == ("ExpiredTokenException", 403)
        assert account.refusal("s3", "list_buckets", over) == ("ExpiredToken", 400)
        assert account.refusal("ec2", "describe_vpcs", over) == ("RequestExpired", 400)

    _in_an_account(test)


def test_sessions_of_users_are_who_they_are() -> None:
    def test(account: Account) -> None:
        same = account.session("get_session_token")
        assert account.ask("sts", "get_caller_identity", same)["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/operator"
        guest = account.session("get_federation_token", Name="guest")
        assert account.ask("sts", "get_caller_identity", guest)["Arn"] == f"arn:aws:sts::{ACCOUNT}:federated-user/guest"
        assert account.refusal("sts", "get_session_token", same) == ("AccessDenied", 403)
        assert account.refusal("sts", "get_federation_token", same, Name="more") == ("AccessDenied", 403)

    _in_an_account(test)


def test_a_role_that_is_not_there_or_not_for_so_long_is_not_assumed() -> None:
    def test(account: Account) -> None:
        nobody: dict[str, Any] = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/nobody", "RoleSessionName": "me"}
        assert account.refusal("sts", "assume_role", **nobody) == ("AccessDenied", 403)
        account.ask("iam", "create_role", RoleName="cook", Path="/cooks/", AssumeRolePolicyDocument=TRUST)
        longer: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "me", "DurationSeconds": 3601}
        assert account.refusal("sts", "assume_role", **longer) == ("ValidationError", 400)

    _in_an_account(test)


def test_chained_roles_last_an_hour_at_most() -> None:
    """Source: AWS STS API Reference, AssumeRole: role chaining limits the session to one hour."""

    def test(account: Account) -> None:
        role: dict[str, Any] = {
            "RoleName": "cook",
            "Path": "/cooks/",
            "AssumeRolePolicyDocument": TRUST,
            "MaxSessionDuration": 43200,
        }
        account.ask("iam", "create_role", **role)
        longer: dict[str, Any] = {"RoleArn": ROLE, "RoleSessionName": "me", "DurationSeconds": 7200}
        keys = account.session("assume_role", **longer)
        assert account.refusal("sts", "assume_role", keys, **longer) == ("ValidationError", 400)
        assert account.ask("sts", "assume_role", keys, **{**longer, "DurationSeconds": 3600})["Credentials"]

    _in_an_account(test)


def test_a_users_access_key_works_until_it_is_inactive_or_gone() -> None:
    def test(account: Account) -> None:
        account.ask("iam", "create_user", UserName="cook")
        made = account.ask("iam", "create_access_key", UserName="cook")["AccessKey"]
        keys, key = _keys(made), {"UserName": "cook", "AccessKeyId": made["AccessKeyId"]}
        assert account.ask("sts", "get_caller_identity", keys)["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/cook"
        assert account.ask("sts", "get_access_key_info", AccessKeyId=made["AccessKeyId"])["Account"] == ACCOUNT
        account.ask("iam", "update_access_key", **key, Status="Inactive")
        assert account.refusal("sts", "get_caller_identity", keys) == ("InvalidClientTokenId", 403)
        account.ask("iam", "update_access_key", **key, Status="Active")
        assert account.ask("ecs", "list_clusters", keys)["clusterArns"] == []
        account.ask("iam", "delete_access_key", **key)
        assert account.refusal("ecs", "list_clusters", keys) == ("UnrecognizedClientException", 403)

    _in_an_account(test)


@pytest.mark.parametrize("action", ["assume_role_with_web_identity", "assume_role_with_saml"])
def test_assertions_that_nobody_checks_are_refused(action: str) -> None:
    members: dict[str, Any] = {"RoleArn": ROLE}
    if action.endswith("saml"):
        members |= {"PrincipalArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/p", "SAMLAssertion": "YXNzZXJ0aW9u"}
    else:
        members |= {"RoleSessionName": "me", "WebIdentityToken": "a.token"}

    def test(account: Account) -> None:
        assert account.refusal("sts", action, **members) == ("UnsupportedOperation", 501)

    _in_an_account(test)
