"""A subscription delivers to streams and functions, never to another log group.

Replaces in `moto.logs.models` (moto 5.2) `LogsBackend.put_subscription_filter`, which takes a group's ARN for a
destination: one that subscribes to itself is written to without end. Source: Amazon CloudWatch Logs API Reference,
PutSubscriptionFilter, "destinationArn".
"""

from typing import Any

from moto.logs.exceptions import InvalidParameterException
from moto.logs.models import LogsBackend

_moto_put = LogsBackend.put_subscription_filter


def _put(self: Any, group: str, name: str, pattern: str, destination_arn: str, role_arn: Any = None) -> None:
    if destination_arn.split(":")[2:3] == ["logs"]:
        raise InvalidParameterException(
            "PutSubscriptionFilter operation cannot work with destinationArn for vendor logs"
        )
    _moto_put(self, group, name, pattern, destination_arn, role_arn)


def install() -> None:
    """Replace it."""
    LogsBackend.put_subscription_filter = _put
