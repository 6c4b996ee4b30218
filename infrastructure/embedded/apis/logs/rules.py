"""What CloudWatch Logs refuses of a request by itself. Source: API Reference, FilterLogEvents, PutRetentionPolicy."""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.apis.logs.pattern import InvalidPattern, NotEvaluated, compiled
from infrastructure.embedded.gateway.refused import Refused, unsupported

Members = Mapping[str, Any]
DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""For how long events may be kept."""


def _check_pattern(given: Members) -> None:
    try:
        compiled(given.get("filterPattern") or "")
    except InvalidPattern as problem:
        raise Refused("InvalidParameterException", str(problem)) from problem
    except NotEvaluated as missing:
        raise unsupported(str(missing)) from missing


def _check_retention(given: Members) -> None:
    days = given["retentionInDays"]
    if int(days) not in DAYS:
        raise Refused(
            "InvalidParameterException",
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member "
            f"must satisfy enum value set: {list(DAYS)}",
        )


RULES: Mapping[str, Callable[[Members], None]] = {
    "FilterLogEvents": _check_pattern,
    "PutMetricFilter": _check_pattern,
    "PutRetentionPolicy": _check_retention,
    "PutSubscriptionFilter": _check_pattern,
}
