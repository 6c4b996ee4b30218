"""UpdateSecret changes what it is given, and no more."""

import pytest

from infrastructure.embedded.stacks.calls import ApiCalls
from infrastructure.embedded.stacks.errors import ApiError
from infrastructure.embedded.tests.control import REGION, Control

SECRET = {"SecretId": "token"}


@pytest.fixture
def call() -> ApiCalls:
    assert list(Control().backends.secretsmanager.secrets) == []
    made = ApiCalls(REGION)
    made("secretsmanager", "CreateSecret", Name="token", SecretString="value", Description="one")
    return made


def test_another_description_leaves_value_and_version(call: ApiCalls) -> None:
    before = call("secretsmanager", "GetSecretValue", **SECRET)
    call("secretsmanager", "UpdateSecret", **SECRET, Description="two")
    after = call("secretsmanager", "GetSecretValue", **SECRET)
    assert (after["SecretString"], after["VersionId"]) == ("value", before["VersionId"])
    assert call("secretsmanager", "DescribeSecret", **SECRET)["Description"] == "two"


def test_another_value_leaves_the_description(call: ApiCalls) -> None:
    call("secretsmanager", "UpdateSecret", **SECRET, SecretString="other")
    assert call("secretsmanager", "GetSecretValue", **SECRET)["SecretString"] == "other"
    assert call("secretsmanager", "DescribeSecret", **SECRET)["Description"] == "one"


def test_what_is_not_there_is_not_found(call: ApiCalls) -> None:
    with pytest.raises(ApiError) as refused:
        call("secretsmanager", "UpdateSecret", SecretId="absent", Description="two")
    assert refused.value.code == "ResourceNotFoundException"
