import pytest

from services.chassis.aws.errors import read_error


def cancelled(*codes: str) -> dict[str, object]:
    return {
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "CancellationReasons": [{"Code": code} for code in codes],
    }


@pytest.mark.parametrize(
    ("status", "document", "code", "throttle", "retryable", "condition"),
    [
        pytest.param(
            400,
            {"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"},
            "ProvisionedThroughputExceededException",
            True,
            True,
            False,
            id="throttled table",
        ),
        pytest.param(
            400,
            cancelled("None", "ThrottlingError"),
            "TransactionCanceledException",
            True,
            True,
            False,
            id="tx throttled",
        ),
        pytest.param(
            400,
            cancelled("TransactionConflict", "None"),
            "TransactionCanceledException",
            False,
            True,
            False,
            id="tx conflict",
        ),
        pytest.param(
            400,
            cancelled("ConditionalCheckFailed", "None"),
            "TransactionCanceledException",
            False,
            False,
            True,
            id="tx condition",
        ),
        pytest.param(
            400,
            cancelled("ConditionalCheckFailed", "ThrottlingError"),
            "TransactionCanceledException",
            True,
            False,
            True,
            id="tx condition and throttle: the condition decides",
        ),
        pytest.param(
            400,
            {"__type": "ConditionalCheckFailedException"},
            "ConditionalCheckFailedException",
            False,
            False,
            True,
            id="condition",
        ),
        pytest.param(
            400, {"__type": "ValidationException"}, "ValidationException", False, False, False, id="our mistake"
        ),
        pytest.param(
            500, {"__type": "InternalServerError"}, "InternalServerError", False, True, False, id="their mistake"
        ),
        pytest.param(503, "<html>", "Http503", False, True, False, id="a proxy answers"),
        pytest.param(403, {}, "Http403", False, False, False, id="nothing said"),
    ],
)
def test_an_error_says_what_to_do_about_it(
    status: int, document: object, code: str, throttle: bool, retryable: bool, condition: bool
) -> None:
    error = read_error("Op", status, document)
    assert (code, throttle, retryable, condition) == (
        error.code,
        error.is_throttle,
        error.is_retryable,
        error.is_condition,
    )
