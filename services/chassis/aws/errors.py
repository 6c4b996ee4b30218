"""What AWS's errors mean to a caller: try again, slow down, or give up. Data and pure functions.

The codes are those of the AWS SDKs' standard retry mode ("Retry behavior", AWS SDKs and Tools Reference Guide).
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from services.chassis.http.exchange import HttpError, Unreachable

CONFLICT: Final = "TransactionConflict"
THROTTLING: Final = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KMSThrottlingException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceeded",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingError",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    }
)
TRANSIENT: Final = frozenset(
    {
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "KMSInternalException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        CONFLICT,
        "TransactionConflictException",
    }
)
CONDITION_FAILED: Final = "ConditionalCheckFailed"
CANCELLED: Final = "TransactionCanceledException"

Item = Mapping[str, Mapping[str, object]]
"""A DynamoDB item as the wire has it: attribute name to type and value."""


class Reason(NamedTuple):
    """Why one action of a transaction failed it; `code` is "None" for the innocent; `item` is what was there."""

    code: str
    item: Item | None = None


class AwsError(Exception):
    """A call to AWS did not succeed.

    `code` is AWS's, or `Unreachable` / `Interrupted` of ours. `may_have_happened` tells a refusal, which had no effect,
    from silence, which may have had one.
    """

    def __init__(
        self,
        *,
        operation: str,
        code: str,
        message: str,
        status: int = 0,
        may_have_happened: bool = False,
        reasons: tuple[Reason, ...] = (),
    ) -> None:
        super().__init__(f"{operation}: {code}: {message}")
        self.operation = operation
        self.code = code
        self.status = status
        self.may_have_happened = may_have_happened
        self.reasons = reasons

    @property
    def is_throttle(self) -> bool:
        """AWS asks for a slower pace."""
        return self.code in THROTTLING or (self.code == CANCELLED and any(r.code in THROTTLING for r in self.reasons))

    @property
    def is_condition(self) -> bool:
        """A condition of ours did not hold: the answer to a question, not a failure."""
        return self.code == "ConditionalCheckFailedException" or any(r.code == CONDITION_FAILED for r in self.reasons)

    @property
    def is_conflict(self) -> bool:
        """The transaction met another one at an item: the fault of that item, not of those beside it."""
        return any(reason.code == CONFLICT for reason in self.reasons)

    @property
    def is_retryable(self) -> bool:
        """Whether the same call may succeed a moment later."""
        if self.code == CANCELLED:
            wanting = {reason.code for reason in self.reasons if reason.code != "None"}
            return bool(wanting) and wanting <= THROTTLING | TRANSIENT
        return self.code in THROTTLING or self.code in TRANSIENT or self.status in (0, 500, 502, 503, 504)


def unanswered(operation: str, silence: HttpError) -> AwsError:
    """The error for a call without a complete answer; only a request that was never sent cannot have happened."""
    return AwsError(
        operation=operation,
        code=type(silence).__name__,
        message=str(silence),
        may_have_happened=not isinstance(silence, Unreachable),
    )


def read_error(operation: str, status: int, document: object) -> AwsError:
    """The error in a JSON answer of an AWS API; whatever it looks like, something comes out."""
    fields = document if isinstance(document, dict) else {}
    code = str(fields.get("__type") or fields.get("code") or f"Http{status}").rsplit("#", 1)[-1]
    message = str(fields.get("message") or fields.get("Message") or "no message")
    return AwsError(
        operation=operation,
        code=code,
        message=message[:500],
        status=status,
        may_have_happened=status >= 500,
        reasons=tuple(_reason(entry) for entry in fields.get("CancellationReasons") or ()),
    )


def _reason(entry: object) -> Reason:
    fields = entry if isinstance(entry, dict) else {}
    item = fields.get("Item")
    return Reason(code=str(fields.get("Code", "None")), item=item if isinstance(item, dict) else None)
