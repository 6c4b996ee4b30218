"""What the audit keeps, and what it must not."""

import json
from typing import Any

import pytest

from infrastructure.embedded.gateway.audit import LONGEST, REDACTED, Audit
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.tests.control import call, run


async def _ok(_call: Call) -> Answer:
    return Answer(status=200, headers={}, body=b"")


async def _refused(_call: Call) -> Answer:
    return Answer(status=400, headers={}, body=b"")


def _audited(*calls: Call, kept: int = 100) -> list[Any]:
    async def scenario() -> list[Any]:
        audit = Audit(kept=kept)
        for each in calls:
            await audit(each, _refused if each.action == "DeleteTable" else _ok)
        page = await audit.pages["audit"]({})
        assert isinstance(page, bytes)
        return [json.loads(line) for line in page.splitlines()]

    return run(scenario())


def test_changes_are_kept_with_their_outcome_and_reads_and_data_are_not() -> None:
    records = _audited(
        call("dynamodb", "CreateTable", {"TableName": "t"}, caller="order", at=7.0),
        call("dynamodb", "DescribeTable", {"TableName": "t"}),
        call("dynamodb", "PutItem", {"TableName": "t"}),
        call("dynamodb", "DeleteTable", {"TableName": "t"}),
    )
    assert [(each["number"], each["action"], each["status"]) for each in records] == [
        (1, "CreateTable", 200),
        (2, "DeleteTable", 400),
    ]
    assert (records[0]["caller"], records[0]["at"], records[0]["parameters"]) == ("order", 7.0, {"TableName": "t"})


def test_of_binary_data_only_its_length_is_kept() -> None:
    [record] = _audited(call("lambda", "UpdateFunctionCode", {"ZipFile": b"PK", "Code": {"ZipFile": b"PK\x05"}}))
    assert record["parameters"] == {"ZipFile": "(2 bytes)", "Code": {"ZipFile": "(3 bytes)"}}


@pytest.mark.parametrize(
    ("service", "action", "parameters"),
    [
        ("secretsmanager", "CreateSecret", {"Name": "n", "SecretString": "hidden"}),
        ("secretsmanager", "PutSecretValue", {"SecretId": "n", "SecretBinary": "hidden"}),
        ("elasticache", "CreateReplicationGroup", {"AuthToken": "hidden"}),
        ("iam", "CreateLoginProfile", {"Password": "hidden"}),
        (
            "ecs",
            "RegisterTaskDefinition",
            {"containerDefinitions": [{"environment": [{"name": "DB_PASSWORD", "value": "hidden"}]}]},
        ),
        (
            "cloudformation",
            "CreateStack",
            {"Parameters.member.1.ParameterKey": "DbPassword", "Parameters.member.1.ParameterValue": "hidden"},
        ),
    ],
)
def test_no_secret_is_kept(service: str, action: str, parameters: dict[str, Any]) -> None:
    text = json.dumps(_audited(call(service, action, parameters)))
    assert "hidden" not in text
    assert REDACTED in text


def test_names_of_secrets_are_no_secrets() -> None:
    record = _audited(call("secretsmanager", "DeleteSecret", {"SecretId": "cafe", "ClientRequestToken": "x"}))[0]
    assert record["parameters"] == {"SecretId": "cafe", "ClientRequestToken": "x"}


def test_long_values_are_cut() -> None:
    record = _audited(call("cloudformation", "CreateStack", {"TemplateBody": "x" * 10_000}))[0]
    assert len(record["parameters"]["TemplateBody"]) < LONGEST + 50


def test_only_the_latest_are_kept() -> None:
    calls = [call("dynamodb", "CreateTable", {"TableName": str(number)}) for number in range(5)]
    assert [each["number"] for each in _audited(*calls, kept=2)] == [4, 5]


def test_a_reader_goes_on_where_it_was() -> None:
    async def scenario() -> list[bytes]:
        audit = Audit()
        for number in range(3):
            await audit(call("dynamodb", "CreateTable", {"TableName": str(number)}), _ok)
        page = await audit.pages["audit"]({"after": "2"})
        assert isinstance(page, bytes)
        return page.splitlines()

    assert [json.loads(line)["number"] for line in run(scenario())] == [3]


@pytest.mark.parametrize("after", ["", "-1", "²", "x", "9" * 5000])
def test_a_place_to_read_on_from_that_is_no_number_is_refused(after: str) -> None:
    answer = run(_page_of(Audit(), after))
    assert isinstance(answer, Answer)
    assert (answer.status, "after is the number of a record" in answer.body.decode()) == (400, True)


async def _page_of(audit: Audit, after: str) -> Answer | bytes:
    return await audit.pages["audit"]({"after": after})
