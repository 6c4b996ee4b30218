"""An exception of botocore's is the environment's fault exactly when it is about the way to the cloud."""

import pytest
from botocore import exceptions

from infrastructure.connection import fault_of

URL = "http://127.0.0.1:1/"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (exceptions.ConnectTimeoutError(endpoint_url=URL), "cafe down"),
        (exceptions.ReadTimeoutError(endpoint_url=URL), "cafe down"),
        (exceptions.EndpointConnectionError(endpoint_url=URL), "cafe status"),
        (exceptions.ConnectionClosedError(endpoint_url=URL), "cafe status"),
        (exceptions.NoCredentialsError(), "aws configure"),
        (exceptions.UnauthorizedSSOTokenError(), "aws sso login"),
        (exceptions.ProfileNotFound(profile="work"), "aws configure"),
        (exceptions.ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"), "aws sso login"),
        (exceptions.ClientError({"Error": {"Code": "InvalidClientTokenId"}}, "GetCallerIdentity"), "new keys"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_no_way_to_the_cloud_is_said_with_the_next_step(error: Exception, says: str) -> None:
    fault = fault_of(error)
    assert fault is not None
    assert str(error) in str(fault)
    assert says in str(fault)


@pytest.mark.parametrize(
    "error",
    [
        exceptions.ClientError({"Error": {"Code": "ValidationError"}}, "CreateStack"),
        exceptions.ParamValidationError(report="Unknown parameter"),
        ValueError("a defect"),
    ],
    ids=["an-answer", "asked-wrongly", "a-defect"],
)
def test_any_other_exception_is_left_alone(error: Exception) -> None:
    assert fault_of(error) is None
