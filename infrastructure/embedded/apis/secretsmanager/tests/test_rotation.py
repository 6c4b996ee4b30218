"""Rotating the secret of a master user changes the password in the cluster, then the labels; nothing else rotates."""

import asyncio
import json
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from infrastructure.embedded.apis.secretsmanager.controller import SecretsManagerController
from infrastructure.embedded.control.context import Couplings, SetPassword
from infrastructure.embedded.tests.control import ACCOUNT, REGION, Control, run
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

FIRST = {"username": "cafe", "password": "first"}


class World:
    """Secrets Manager with its controller, and RDS as far as it is asked: which passwords it was given."""

    def __init__(self) -> None:
        self.control = Control()
        self.passwords: list[str] = []
        self.is_down = False
        self.change: Callable[[str, str], Awaitable[None]] = self.set_master_password
        self.clusters: dict[str, str] = {}
        """By ARN the cluster's name."""
        self.secrets = self.control.backends.secretsmanager
        backends = SimpleNamespace(
            secretsmanager=self.secrets,
            operations=self.control.backends.operations,
        )
        couplings = Couplings(master_passwords=[lambda _arn: None, self.password_of])
        context: Any = SimpleNamespace(backends=backends, couplings=couplings)
        self.controller = SecretsManagerController(context)
        self.secret = self.manage("cafe-test")

    def manage(self, cluster: str) -> str:
        """A cluster whose master user's secret RDS manages; the secret's ARN."""
        arn = f"arn:aws:rds:{REGION}:{ACCOUNT}:cluster:{cluster}"
        self.clusters[arn] = cluster
        secret = self.secrets.create_managed_secret(
            service_name="rds",
            secret_id=f"rds!{cluster}",
            secret_string=json.dumps(FIRST),
            tags=[{"Key": "aws:rds:primaryDBClusterArn", "Value": arn}],
        )
        return str(secret.arn)

    def password_of(self, arn: str) -> SetPassword | None:
        return partial(self.change, self.clusters[arn]) if arn in self.clusters else None

    async def set_master_password(self, cluster: str, password: str) -> None:
        if self.is_down:
            raise EnvironmentFault(f"{cluster} has no writer now")
        self.passwords.append(password)

    async def value(self, stage: str = "AWSCURRENT") -> dict[str, str]:
        answer = await self.control.ask("secretsmanager", "GetSecretValue", SecretId=self.secret, VersionStage=stage)
        found: dict[str, str] = json.loads(answer["SecretString"])
        return found

    async def rotate(self, **more: Any) -> Any:
        return await self.control.ask("secretsmanager", "RotateSecret", SecretId=self.secret, **more)

    async def refusal(self, secret: str, **more: Any) -> str:
        answer = await self.control.refusal("secretsmanager", "RotateSecret", SecretId=secret, **more)
        return f"{answer['__type']}: {answer.get('message') or answer.get('Message')}"


def test_a_rotation_changes_the_password_in_the_cluster_and_then_the_labels() -> None:
    async def scenario() -> None:
        world = World()
        begun = await world.rotate()
        assert (await world.value(), world.passwords) == (FIRST, []), "until the cluster has it the old one counts"
        pending = await world.value("AWSPENDING")
        await reconcile(world.controller)
        assert world.passwords == [pending["password"]]
        assert await world.value() == pending == {"username": "cafe", "password": pending["password"]}
        assert await world.value("AWSPREVIOUS") == FIRST
        described = await world.control.ask("secretsmanager", "DescribeSecret", SecretId=world.secret)
        assert described["VersionIdsToStages"][begun["VersionId"]] == ["AWSCURRENT"]
        assert described["LastRotatedDate"]
        await reconcile(world.controller)
        assert len(world.passwords) == 1, "once is enough"

    run(scenario())


def test_every_rotation_makes_another_password() -> None:
    async def scenario() -> None:
        world = World()
        for _ in range(3):
            await world.rotate()
            await reconcile(world.controller)
        assert len(set(world.passwords)) == 3
        assert (await world.value("AWSPREVIOUS"))["password"] == world.passwords[1]

    run(scenario())


def test_without_a_writer_the_rotation_waits_and_the_old_password_counts() -> None:
    async def scenario() -> None:
        world = World()
        world.is_down = True
        await world.rotate()
        await reconcile(world.controller)
        assert await world.value() == FIRST
        assert "previous rotation isn't complete" in await world.refusal(world.secret)
        world.is_down = False
        await reconcile(world.controller)
        assert (await world.value())["password"] == world.passwords[0]

    run(scenario())


def test_the_rotation_of_a_cluster_that_is_gone_changes_nothing() -> None:
    async def scenario() -> None:
        world = World()
        await world.rotate()
        world.clusters.clear()
        await reconcile(world.controller)
        assert (await world.value(), world.passwords) == (FIRST, [])

    run(scenario())


def test_a_rotation_that_takes_its_time_delays_no_other() -> None:
    async def scenario() -> None:
        world = World()
        second = world.manage("cafe-other")
        is_done = asyncio.Event()

        async def first_waits_for_second(cluster: str, _password: str) -> None:
            if cluster == "cafe-other":
                is_done.set()
            await is_done.wait()

        world.change = first_waits_for_second
        await world.rotate()
        await world.control.ask("secretsmanager", "RotateSecret", SecretId=second)
        async with asyncio.timeout(10):
            await reconcile(world.controller)
        assert (await world.value("AWSPREVIOUS")) == FIRST

    run(scenario())


def test_a_rotation_that_fails_keeps_no_other_from_its_end() -> None:
    async def scenario() -> None:
        world = World()
        second = world.manage("cafe-other")

        async def only_the_second_is_sound(cluster: str, password: str) -> None:
            if cluster != "cafe-other":
                raise RuntimeError("a defect")
            await world.set_master_password(cluster, password)

        world.change = only_the_second_is_sound
        await world.rotate()
        await world.control.ask("secretsmanager", "RotateSecret", SecretId=second)
        with pytest.raises(RuntimeError, match="a defect"):
            await reconcile(world.controller)
        assert (await world.value(), len(world.passwords)) == (FIRST, 1)

    run(scenario())


def test_the_same_request_again_begins_nothing() -> None:
    async def scenario() -> None:
        world = World()
        token = "0" * 32
        first = await world.rotate(ClientRequestToken=token)
        await reconcile(world.controller)
        assert await world.rotate(ClientRequestToken=token) == first
        await reconcile(world.controller)
        assert len(world.passwords) == 1

    run(scenario())


def test_rules_are_kept_without_rotating_at_once() -> None:
    async def scenario() -> None:
        world = World()
        answer = await world.rotate(RotateImmediately=False, RotationRules={"AutomaticallyAfterDays": 30})
        assert "VersionId" not in answer
        await reconcile(world.controller)
        described = await world.control.ask("secretsmanager", "DescribeSecret", SecretId=world.secret)
        assert (described["RotationRules"]["AutomaticallyAfterDays"], world.passwords) == (30, [])

    run(scenario())


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({}, "No Lambda rotation function ARN is associated with this secret"),
        (
            {"RotationLambdaARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate"},
            "The embedded cloud runs no rotation functions",
        ),
    ],
    ids=["without a function", "with a function"],
)
def test_a_secret_of_ones_own_is_not_rotated(more: dict[str, str], reason: str) -> None:
    async def scenario() -> None:
        world = World()
        await world.control.ask("secretsmanager", "CreateSecret", Name="mine", SecretString="value")
        assert reason in await world.refusal("mine", **more)
        found = await world.control.ask("secretsmanager", "GetSecretValue", SecretId="mine")
        assert found["SecretString"] == "value"

    run(scenario())


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"RotationLambdaARN": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:rotate"}, "leave RotationLambdaARN out"),
        ({"RotationRules": {"AutomaticallyAfterDays": 1001}}, "Member must have value less than or equal to 1000"),
    ],
    ids=["by a function", "too rarely"],
)
def test_a_managed_secret_is_not_rotated_otherwise(more: dict[str, Any], reason: str) -> None:
    async def scenario() -> None:
        world = World()
        assert reason in await world.refusal(world.secret, **more)
        await reconcile(world.controller)
        assert (await world.value(), world.passwords) == (FIRST, [])

    run(scenario())


def test_a_secret_that_is_not_there_is_not_found() -> None:
    async def scenario() -> None:
        assert "ResourceNotFoundException" in await World().refusal("lost")

    run(scenario())


def test_a_name_that_is_scheduled_for_deletion_is_not_free_yet() -> None:
    async def scenario() -> None:
        world = World()
        binary = {"Name": "mine", "SecretBinary": "AAH/"}
        await world.control.ask("secretsmanager", "CreateSecret", **binary)
        found = await world.control.ask("secretsmanager", "GetSecretValue", SecretId="mine")
        assert found["SecretBinary"] == binary["SecretBinary"]
        taken = await world.control.refusal("secretsmanager", "CreateSecret", **binary)
        await world.control.ask("secretsmanager", "DeleteSecret", SecretId="mine")
        scheduled = await world.control.refusal("secretsmanager", "CreateSecret", **binary)
        assert (taken["__type"], scheduled["__type"]) == ("ResourceExistsException", "InvalidRequestException")

    run(scenario())
