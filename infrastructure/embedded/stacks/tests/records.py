"""Where moto and our controllers keep what the platform's stacks have made; for tests that look at the records."""

from typing import Any

from infrastructure.embedded.gateway import operations
from infrastructure.embedded.moto.imports import backend


def only(records: Any) -> Any:
    """The one there is."""
    found = list(records)
    assert len(found) == 1
    return found[0]


def token(backends: Any) -> Any:
    """The operators' token; the other secret is the database's."""
    return backends.secretsmanager.secrets["cafe-operator-token-test"]


def payment_function() -> Any:
    """The payment function, as GetFunction gives it."""
    return operations.current().call("lambda", "GetFunction", FunctionName="payment-test")


def logs(backends: Any) -> Any:
    return backend("logs", account=backends.account, region=backends.region)


def buckets(backends: Any) -> Any:
    return backends.s3.buckets.values()
