"""EKS over EC2's records: a cluster is an API server, a token whoever made it."""

import errno
import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import anyio.to_thread
import pytest
import urllib3

from infrastructure.connection import Clients, Connection
from infrastructure.embedded.apis.eks import tokens
from infrastructure.embedded.apis.eks.record import ADMIN_POLICY, VIEW_POLICY
from infrastructure.embedded.apis.eks.tests.account import (
    NAME,
    ROLE,
    Account,
    account_of,
    asked,
    session_of,
    token_of,
)
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.signing.authentication import Authentication
from infrastructure.embedded.kubernetes import certificates
from infrastructure.embedded.tests.control import REGION
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Kubernetes, fault_of, is_answer, said
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio


@pytest.fixture
async def account(state: StateFolder) -> AsyncIterator[Account]:
    async with account_of(state) as made:
        yield made


async def test_a_cluster_is_an_api_server_that_its_creator_may_use(account: Account) -> None:
    vpc = {"subnetIds": account.world.subnets}
    made = account.call("CreateCluster", name=NAME, roleArn=ROLE, resourcesVpcConfig=vpc)["cluster"]
    assert made["status"] == "CREATING"
    assert "endpoint" not in made
    await account.reconcile()
    assert account.call("DescribeCluster", name=NAME)["cluster"]["status"] == "ACTIVE"
    status, version = await account.ask("/version", token_of(account.keys))
    assert (status, version["minor"]) == (200, "37")
    status, namespaces = await account.ask("/api/v1/namespaces", token_of(account.keys))
    assert {"default", "kube-system"} <= {each["metadata"]["name"] for each in namespaces["items"]}


async def test_a_cluster_that_could_not_be_opened_is_opened_the_next_time(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(certificates, "made", full)
        with pytest.raises(OSError, match="No space left"):
            await account.cluster()
    assert account.call("DescribeCluster", name=NAME)["cluster"]["status"] == "CREATING"
    await account.reconcile(1)
    assert account.call("DescribeCluster", name=NAME)["cluster"]["status"] == "ACTIVE"
    status, _ = await account.ask("/version", token_of(account.keys))
    assert status == 200


@pytest.mark.parametrize("defect", ["secret", "cluster", "expiry", "shape", "role"])
async def test_a_token_that_proves_nothing_is_refused(account: Account, defect: str) -> None:
    await account.cluster()
    keys = account.keys
    tokens: dict[str, Callable[[], str]] = {
        "secret": lambda: token_of(replace(keys, secret_key="wrong")),
        "cluster": lambda: token_of(keys, cluster="another"),
        "expiry": lambda: token_of(keys, expires_s=3600),
        "shape": lambda: "k8s-aws-v1.!!!",
        "role": lambda: token_of(session_of(account, "nobody").credentials),
    }
    token = tokens[defect]()
    assert (await account.ask("/api/v1/nodes", token))[0] == 401


@pytest.mark.parametrize(("later_s", "is_good"), [(0, True), (850, True), (950, False), (-900, False)])
async def test_a_token_is_good_for_a_quarter_of_an_hour(account: Account, later_s: float, is_good: bool) -> None:
    authentication = Authentication(account.world.context.keyring, REGION)
    found = tokens.caller_of(token_of(account.keys), NAME, authentication, time.time() + later_s)
    assert (found is not None) is is_good


async def test_a_token_ends_with_the_session_whose_keys_made_it(account: Account) -> None:
    keyring = account.world.context.keyring
    issued = keyring.session(role="r", session="s", role_id="AROAX", name="r", expires_at=time.time() + 60)
    authentication = Authentication(keyring, REGION)
    token = token_of(issued.credentials)
    assert tokens.caller_of(token, NAME, authentication, time.time()) is not None
    assert tokens.caller_of(token, NAME, authentication, time.time() + 120) is None


async def test_an_access_entry_lets_a_role_in_as_far_as_its_policies_go(account: Account) -> None:
    await account.cluster()
    issued = session_of(account, "viewer")
    arn = f"arn:aws:iam::{account.world.backends.account}:role/viewer"
    account.call("CreateAccessEntry", clusterName=NAME, principalArn=arn)
    assert (await account.ask("/api/v1/nodes", token_of(issued.credentials)))[0] == 403
    scope = {"type": "cluster"}
    account.call("AssociateAccessPolicy", clusterName=NAME, principalArn=arn, policyArn=VIEW_POLICY, accessScope=scope)
    assert (await account.ask("/api/v1/nodes", token_of(issued.credentials)))[0] == 200
    account.call("DisassociateAccessPolicy", clusterName=NAME, principalArn=arn, policyArn=VIEW_POLICY)
    assert (await account.ask("/api/v1/nodes", token_of(issued.credentials)))[0] == 403
    account.call("DeleteAccessEntry", clusterName=NAME, principalArn=arn)
    assert (await account.ask("/api/v1/nodes", token_of(issued.credentials)))[0] == 401


async def test_the_creator_has_an_entry_with_all_rights_unless_he_says_no(account: Account) -> None:
    await account.cluster(accessConfig={"bootstrapClusterCreatorAdminPermissions": False})
    assert account.call("ListAccessEntries", clusterName=NAME)["accessEntries"] == []
    assert (await account.ask("/api/v1/nodes", token_of(account.keys)))[0] == 401
    account.call("DeleteCluster", name=NAME)
    await account.reconcile()
    await account.cluster()
    [entry] = account.call("ListAccessEntries", clusterName=NAME)["accessEntries"]
    policies = account.call("ListAssociatedAccessPolicies", clusterName=NAME, principalArn=entry)
    assert [each["policyArn"] for each in policies["associatedAccessPolicies"]] == [ADMIN_POLICY]


async def test_a_deleted_cluster_is_gone_with_its_server(account: Account) -> None:
    cluster = await account.cluster()
    await account.group()
    with pytest.raises(Refused, match="nodegroups attached"):
        account.call("DeleteCluster", name=NAME)
    account.call("DeleteNodegroup", clusterName=NAME, nodegroupName="main")
    await account.reconcile(16)
    account.call("DeleteCluster", name=NAME)
    await account.reconcile()
    with pytest.raises(Refused, match="No cluster found"):
        account.call("DescribeCluster", name=NAME)
    with pytest.raises(urllib3.exceptions.NewConnectionError):
        await anyio.to_thread.run_sync(asked, cluster, "/version", "x")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"version": "1.20"}, "unsupported Kubernetes version"),
        ({"resourcesVpcConfig": {"subnetIds": ["subnet-0"]}}, "does not exist"),
        ({"resourcesVpcConfig": {"subnetIds": []}}, "does not exist"),
    ],
    ids=["version", "unknown-subnet", "no-subnet"],
)
async def test_a_cluster_that_aws_would_not_make_is_refused(account: Account, change: Any, told: str) -> None:
    given = {"name": NAME, "roleArn": ROLE, "resourcesVpcConfig": {"subnetIds": account.world.subnets}}
    with pytest.raises(Refused, match=told):
        account.call("CreateCluster", **given | change)


async def test_add_ons_are_known_by_name(account: Account) -> None:
    await account.cluster()
    account.call("CreateAddon", clusterName=NAME, addonName="coredns")
    assert account.call("ListAddons", clusterName=NAME)["addons"] == ["coredns"]
    with pytest.raises(Refused, match="is not supported"):
        account.call("CreateAddon", clusterName=NAME, addonName="nothing")


async def test_the_kubeconfig_is_for_its_owner_alone_and_goes_with_the_cluster(
    account: Account, state: StateFolder
) -> None:
    await account.cluster()
    file = state.root / f"kubeconfig-{NAME}"
    assert file.stat().st_mode & 0o777 == 0o600
    token = json.loads(file.read_text())["users"][0]["user"]["token"]
    assert (await account.ask("/api/v1/nodes", token))[0] == 200
    account.call("DeleteCluster", name=NAME)
    await account.reconcile()
    assert not file.exists()


def reached(account: Account, secret_key: str = "") -> Kubernetes:
    """The cluster as whoever has the platform reaches it; by another key, as somebody else would."""
    connection = Connection(
        region=REGION,
        endpoint_url="http://127.0.0.1:1",
        access_key=account.keys.access_key,
        secret_key=secret_key or account.keys.secret_key,
    )
    sts = Clients(connection)("sts")
    eks = SimpleNamespace(describe_cluster=lambda **given: account.call("DescribeCluster", **given))
    return Kubernetes({"sts": sts, "eks": eks}.__getitem__, NAME, is_embedded=True)


async def test_the_official_client_gets_in_by_a_token_of_its_own(account: Account) -> None:
    await account.cluster()
    await account.group()
    cluster = reached(account)
    nodes = await anyio.to_thread.run_sync(cluster.core.list_node)
    assert len(nodes.items) == 2
    with pytest.raises(Exception, match="404") as refused:
        await anyio.to_thread.run_sync(cluster.apps.read_namespaced_deployment, "none", "default")
    assert is_answer(refused.value, 404)
    assert said(refused.value) == 'deployments.apps "none" not found'
    assert fault_of(refused.value) is None


async def test_a_client_whom_nobody_knows_is_told_the_next_step(account: Account) -> None:
    await account.cluster()
    stranger = reached(account, secret_key="wrong")
    with pytest.raises(Exception, match="401") as refused:
        await anyio.to_thread.run_sync(stranger.core.list_node)
    assert "aws eks create-access-entry" in str(fault_of(refused.value))


async def test_a_cluster_that_went_away_is_the_environments_fault(account: Account) -> None:
    await account.cluster()
    cluster = reached(account)
    await account.controller.close()
    with pytest.raises(EnvironmentFault, match="does not answer"):
        await anyio.to_thread.run_sync(cluster.core.list_node)


async def test_a_cluster_without_an_endpoint_is_not_there_yet(account: Account) -> None:
    vpc = {"subnetIds": account.world.subnets}
    account.call("CreateCluster", name=NAME, roleArn=ROLE, resourcesVpcConfig=vpc)
    with pytest.raises(EnvironmentFault, match="cafe is CREATING"):
        reached(account)
