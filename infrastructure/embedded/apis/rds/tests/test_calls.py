"""What RDS refuses, in AWS's words and with its codes; no server is needed for that."""

from typing import Any

import pytest

from infrastructure.embedded.apis.rds.api import RdsCalls
from infrastructure.embedded.gateway.operations import Members, operation
from infrastructure.embedded.tests.control import Control, run

CLUSTER = {"DBClusterIdentifier": "cafe"}
FIRST = {"DBInstanceIdentifier": "cafe-1"}
NEW = {"DBClusterIdentifier": "new", "Engine": "aurora-postgresql", "MasterUsername": "cafe"}
ADDED = {"DBInstanceIdentifier": "cafe-2", "DBInstanceClass": "db.t4g.medium", "Engine": "aurora-postgresql"}
PASSWORD = {"MasterUserPassword": "correct-horse"}
MANAGED = {"ManageMasterUserPassword": "true"}


async def world() -> Control:
    """An available cluster with a managed password and one instance, as far as anybody is told."""
    control, ports = Control(), iter(range(50_000, 60_000))
    calls = RdsCalls(control.backends, ports.__next__)
    control.backends.operations.bind("rds", calls, calls.events)
    for name, members in (("CreateDBCluster", NEW | CLUSTER | MANAGED), ("CreateDBInstance", ADDED | FIRST | CLUSTER)):
        answer = await control.answer("rds", name, **members)
        assert answer.is_success, answer.body
    control.backends.rds.clusters["cafe"].status = control.backends.rds.databases["cafe-1"].status = "available"
    return control


class _Rotations:
    """Stands for Secrets Manager."""

    def __init__(self, asked: list[Any]) -> None:
        self._asked = asked

    @operation("RotateSecret")
    def _rotate(self, given: Members) -> None:
        self._asked.append(given)


@pytest.mark.parametrize(
    ("name", "members", "expected"),
    [
        ("CreateDBCluster", NEW | PASSWORD | {"Engine": "aurora-mysql"}, (501, "UnsupportedOperation")),
        ("CreateDBCluster", NEW | PASSWORD | CLUSTER, (400, "DBClusterAlreadyExistsFault")),
        ("CreateDBCluster", NEW | PASSWORD | {"DBClusterIdentifier": "../cafe"}, (400, "InvalidParameterValue")),
        ("CreateDBCluster", NEW | PASSWORD | {"DBSubnetGroupName": "lost"}, (404, "DBSubnetGroupNotFoundFault")),
        ("CreateDBInstance", ADDED | {"Engine": "mysql"}, (501, "UnsupportedOperation")),
        ("CreateDBInstance", ADDED | {"DBClusterIdentifier": "lost"}, (404, "DBClusterNotFoundFault")),
        ("CreateDBInstance", ADDED | CLUSTER | {"Engine": "aurora-mysql"}, (400, "InvalidParameterCombination")),
        ("CreateDBInstance", ADDED | CLUSTER | FIRST, (400, "DBInstanceAlreadyExists")),
        ("CreateDBInstance", ADDED | CLUSTER | {"DBInstanceIdentifier": "a--b"}, (400, "InvalidParameterValue")),
        ("ModifyDBCluster", CLUSTER | PASSWORD, (400, "InvalidParameterCombination")),
        ("ModifyDBCluster", CLUSTER | {"ManageMasterUserPassword": "false"}, (400, "InvalidParameterCombination")),
        ("ModifyDBCluster", CLUSTER | {"RotateMasterUserPassword": "true"}, (400, "InvalidParameterCombination")),
        ("ModifyDBCluster", CLUSTER | {"Port": "5433"}, (501, "UnsupportedOperation")),
        ("ModifyDBInstance", FIRST | {"NewDBInstanceIdentifier": "other"}, (501, "UnsupportedOperation")),
        ("ModifyDBInstance", {"DBInstanceIdentifier": "lost"}, (404, "DBInstanceNotFound")),
        ("ModifyDBInstance", FIRST | {"DBParameterGroupName": "lost"}, (404, "DBParameterGroupNotFound")),
        ("DeleteDBCluster", CLUSTER, (400, "InvalidParameterCombination")),
        ("DeleteDBCluster", CLUSTER | {"SkipFinalSnapshot": "true"}, (400, "InvalidDBClusterStateFault")),
        ("StopDBInstance", FIRST, (400, "InvalidParameterCombination")),
        ("StartDBInstance", FIRST, (400, "InvalidParameterCombination")),
        ("StopDBInstance", {"DBInstanceIdentifier": "lost"}, (404, "DBInstanceNotFound")),
        ("FailoverDBCluster", CLUSTER, (400, "InvalidDBClusterStateFault")),
        (
            "RestoreDBClusterFromSnapshot",
            {"DBClusterIdentifier": "new", "SnapshotIdentifier": "s", "Engine": "aurora-postgresql"},
            (501, "UnsupportedOperation"),
        ),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_call_is_refused_with_aws_own_code(name: str, members: dict[str, str], expected: tuple[int, str]) -> None:
    async def scenario() -> None:
        control = await world()
        before = dict(control.backends.rds.clusters), dict(control.backends.rds.databases)
        answer = await control.answer("rds", name, **members)
        assert (answer.status, f"<Code>{expected[1]}</Code>".encode() in answer.body) == (expected[0], True), (
            answer.body
        )
        assert (dict(control.backends.rds.clusters), dict(control.backends.rds.databases)) == before

    run(scenario())


def test_rotating_by_rds_asks_secrets_manager() -> None:
    async def scenario() -> None:
        control = await world()
        asked: list[Any] = []
        control.backends.operations.bind("secretsmanager", _Rotations(asked))
        rotate = {"RotateMasterUserPassword": "true", "ApplyImmediately": "true"}
        answer = await control.answer("rds", "ModifyDBCluster", **CLUSTER, **rotate)
        assert answer.is_success, answer.body
        secret = control.backends.rds.clusters["cafe"].master_user_secret
        assert asked == [{"SecretId": secret.secret_arn}]

    run(scenario())
