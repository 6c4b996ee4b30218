"""Pod Identity: one role for a service account, whose keys its pods have, once the agent is there."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infrastructure.embedded.apis.eks.tests.account import NAME, ROLE, Account, account_of
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.state import StateFolder

pytestmark = pytest.mark.anyio
WHO = {"clusterName": NAME, "namespace": "cafe", "serviceAccount": "menu"}
OTHER = "arn:aws:iam::123456789012:role/other"


@pytest.fixture
async def account(state: StateFolder) -> AsyncIterator[Account]:
    async with account_of(state) as made:
        await made.cluster()
        made.other("iam", "CreateRole", RoleName="other", AssumeRolePolicyDocument="{}")
        yield made


def role_of(account: Account) -> str:
    """Whose keys a pod of the service account has that starts now; nothing when they are its node's."""
    return account.controller.role_of(NAME, "cafe", "menu")


async def test_an_association_is_made_found_changed_and_deleted(account: Account) -> None:
    made = account.call("CreatePodIdentityAssociation", **WHO, roleArn=ROLE, tags={"a": "b"})["association"]
    named = {"clusterName": NAME, "associationId": made["associationId"]}
    assert account.call("DescribePodIdentityAssociation", **named)["association"]["roleArn"] == ROLE
    [listed] = account.call("ListPodIdentityAssociations", clusterName=NAME, serviceAccount="menu")["associations"]
    assert listed == {**WHO, "associationArn": made["associationArn"], "associationId": made["associationId"]}
    assert account.call("ListPodIdentityAssociations", clusterName=NAME, namespace="default")["associations"] == []
    assert account.call("ListTagsForResource", resourceArn=made["associationArn"])["tags"] == {"a": "b"}
    account.call("UpdatePodIdentityAssociation", **named, roleArn=OTHER)
    assert account.call("DescribePodIdentityAssociation", **named)["association"]["roleArn"] == OTHER
    account.call("DeletePodIdentityAssociation", **named)
    with pytest.raises(Refused, match="association not found"):
        account.call("DescribePodIdentityAssociation", **named)


async def test_pods_have_the_role_only_while_the_agent_hands_its_keys_out(account: Account) -> None:
    account.call("CreatePodIdentityAssociation", **WHO, roleArn=ROLE)
    assert role_of(account) == ""
    account.call("CreateAddon", clusterName=NAME, addonName="eks-pod-identity-agent")
    assert role_of(account) == ROLE
    account.call("DeleteAddon", clusterName=NAME, addonName="eks-pod-identity-agent")
    assert role_of(account) == ""


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, "Association already exists"),
        ({"serviceAccount": "other", "roleArn": "arn:aws:iam::123456789012:role/nobody"}, "cannot be found"),
        ({"serviceAccount": "other", "targetRoleArn": OTHER}, "not provided"),
    ],
    ids=["twice", "no-role", "chained"],
)
async def test_an_association_that_cannot_be_is_refused(account: Account, change: Any, told: str) -> None:
    account.call("CreatePodIdentityAssociation", **WHO, roleArn=ROLE)
    with pytest.raises(Refused, match=told):
        account.call("CreatePodIdentityAssociation", **{**WHO, "roleArn": ROLE, **change})
