"""Passwords that Secrets Manager holds: they rotate in the running servers, and the old one is over then."""

from typing import Any

import pymongo
import pytest

from infrastructure.embedded.apis.docdb.tests.documents_world import CLUSTER, FIRST, SECOND, platform
from infrastructure.embedded.apis.secretsmanager.controller import SecretsManagerController
from infrastructure.embedded.tests.passes import reconcile
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


async def test_a_managed_password_rotates_in_the_running_servers(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(FIRST, SECOND, MasterUserPassword=None, ManageMasterUserPassword=True)
        secrets = SecretsManagerController(it.world.context)
        await it.settle()
        before = it.held()
        it.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, RotateMasterUserPassword=True, ApplyImmediately=True)
        assert (it.record["MasterUserSecret"]["SecretStatus"], it.held()) == ("rotating", before)
        assert (await it.greeting(password=before))["isWritablePrimary"], "until the servers have it the old one counts"
        async with pymongo.AsyncMongoClient[dict[str, Any]](it.url) as session:
            await session.menu.items.insert_one({})
            await reconcile(secrets)
            await session.menu.items.insert_one({})
        after = it.held()
        assert (it.record["MasterUserSecret"]["SecretStatus"], after != before) == ("active", True)
        assert (await it.greeting(password=after))["isWritablePrimary"]
        with pytest.raises(pymongo.errors.OperationFailure, match="Authentication failed"):
            await it.greeting(password=before)
        await it.settle()
        assert (await it.greeting())["isWritablePrimary"], "what people are shown leads in, too"


async def test_a_rotation_waits_for_a_primary(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(MasterUserPassword=None, ManageMasterUserPassword=True)
        secrets = SecretsManagerController(it.world.context)
        await it.settle()
        before, secret = it.held(), it.record["MasterUserSecret"]["SecretArn"]
        it.world.backends.operations.call("secretsmanager", "RotateSecret", SecretId=secret)
        await reconcile(secrets)
        assert it.held() == before
        it.add(FIRST)
        await it.settle()
        await reconcile(secrets)
        assert it.held() != before
        assert (await it.greeting(password=it.held()))["isWritablePrimary"]


async def test_secrets_manager_takes_the_password_over_and_gives_it_back(state: StateFolder) -> None:
    async with platform(state) as it:
        it.create(FIRST)
        await it.settle()
        it.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, ManageMasterUserPassword=True)
        await it.settle()
        secret = it.record["MasterUserSecret"]["SecretArn"]
        assert (await it.greeting(password=it.held()))["isWritablePrimary"]
        given = {"ManageMasterUserPassword": False, "MasterUserPassword": "another-horse"}
        it.call("ModifyDBCluster", DBClusterIdentifier=CLUSTER, **given)
        await it.settle()
        assert (await it.greeting(password="another-horse"))["isWritablePrimary"]
        assert ("MasterUserSecret" in it.record, secret in it.world.backends.secretsmanager.secrets) == (False, False)
