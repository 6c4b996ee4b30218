"""moto's failures are the caller's mistakes only where the request shows it; all else is a defect and a 500."""

from typing import Any

import pytest

from infrastructure.embedded.moto import imports
from infrastructure.embedded.tests.control import Control, run


@pytest.mark.parametrize(
    ("service", "action", "members", "status", "code"),
    [
        pytest.param("logs", "GetQueryResults", {"queryId": "q"}, 400, "ResourceNotFoundException", id="looked-up"),
        pytest.param(
            "secretsmanager",
            "TagResource",
            {"SecretId": "s", "Tags": [{"Value": "v"}]},
            400,
            "ValidationException",
            id="member-inside",
        ),
        pytest.param("ec2", "DeleteNatGateway", {"NatGatewayId": "n"}, 400, "NatGatewayNotFound", id="declared"),
        pytest.param(
            "ec2", "DescribeVpcs", {"Filter.1.Name": "nope"}, 400, "InvalidParameterValue", id="filter-of-nobody"
        ),
        pytest.param(
            "ec2",
            "DescribeVpcs",
            {"Filter.1.Name": "ipv6-cidr-block-association.ipv6-pool"},
            501,
            "UnsupportedOperation",
            id="filter-of-aws",
        ),
        pytest.param("rds", "DescribeDBInstances", {"Marker": "nope"}, 400, "InvalidParameterValue", id="code-of-aws"),
        pytest.param("ec2", "DescribeSnapshots", {"SnapshotId.1": "s"}, 400, "InvalidSnapshot.NotFound", id="no-text"),
        pytest.param("iam", "ListRoles", {"Marker": "nope"}, 400, "ValidationError", id="number"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*does not match an error shape")
def test_what_the_request_shows_is_the_callers(
    service: str, action: str, members: dict[str, Any], status: int, code: str
) -> None:
    answer = run(Control().answer(service, action, **members))
    assert answer.status == status, answer.body
    assert code.encode() in answer.body


@pytest.mark.parametrize(
    "failure", [KeyError("other"), AttributeError("x"), TypeError("x"), ValueError("x"), RuntimeError("queryId")]
)
def test_what_the_request_does_not_show_is_a_defect(failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(imports.handler("logs", "LogsResponse"), "get_query_results", fail)
    assert run(Control().answer("logs", "GetQueryResults", queryId="q")).status == 500


def test_a_failure_of_ours_is_a_defect_whatever_the_request_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise KeyError("q")

    monkeypatch.setattr(imports.models("logs").LogsBackend, "get_query_results", fail)
    assert run(Control().answer("logs", "GetQueryResults", queryId="q")).status == 500
