"""What becomes of an asynchronous invocation: its function's settings, and the next step after each attempt. Pure.

    queued ──attempt──▶ ok                               Success
              ▲          function error ──▶ again after 1, then 2 minutes, up to MaximumRetryAttempts  RetriesExhausted
              │          throttled      ──▶ again after 1, 2, 4 … s, up to 5 minutes                   EventAgeExceeded
              └──────────────────────────   reserved concurrency of 0: not again             ZeroReservedConcurrency

Source: AWS Lambda Developer Guide, "How Lambda handles errors and retries with asynchronous invocation" and "Capturing
records of Lambda asynchronous invocations"; API Reference, PutFunctionEventInvokeConfig.
"""

from dataclasses import dataclass
from typing import Any, Literal

from infrastructure.embedded.apis.lambda_.calls import Parameters, invalid
from infrastructure.embedded.engines.functions.report import Invocation

MOST_RETRIES = 2
AGES_S = (60, 21_600)
"""What MaximumEventAgeInSeconds may be."""
FUNCTION_ERROR_DELAYS_S = (60.0, 120.0)
THROTTLE_DELAYS_S = (1.0, 300.0)
"""First and longest delay after a throttled attempt."""

Condition = Literal["Success", "RetriesExhausted", "EventAgeExceeded", "ZeroReservedConcurrency"]
_KNOWN = frozenset(
    {"FunctionName", "Qualifier", "MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventInvokeSettings:
    """Of one function and qualifier. None: not set, so AWS's default holds. Destinations are ARNs, '' for none."""

    maximum_retries: int | None = None
    maximum_age_s: int | None = None
    on_success: str = ""
    on_failure: str = ""

    @property
    def retries(self) -> int:
        return MOST_RETRIES if self.maximum_retries is None else self.maximum_retries

    @property
    def age_s(self) -> float:
        return float(AGES_S[1] if self.maximum_age_s is None else self.maximum_age_s)

    def members(self) -> dict[str, Any]:
        members: dict[str, Any] = {
            "DestinationConfig": {
                "OnSuccess": {"Destination": self.on_success} if self.on_success else {},
                "OnFailure": {"Destination": self.on_failure} if self.on_failure else {},
            }
        }
        if self.maximum_retries is not None:
            members["MaximumRetryAttempts"] = self.maximum_retries
        if self.maximum_age_s is not None:
            members["MaximumEventAgeInSeconds"] = self.maximum_age_s
        return members


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """What has been tried. `errors`: function errors; `throttles`: in a row, since the last of those."""

    errors: int = 0
    throttles: int = 0

    @property
    def invokes(self) -> int:
        """approximateInvokeCount: how often the function ran."""
        return self.errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Try again in `delay_s` seconds, at AWS's pace."""

    delay_s: float
    attempts: Attempts


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """No more attempts; `invokes` is how often the function ran."""

    condition: Condition
    invokes: int


def after(
    invocation: Invocation, attempts: Attempts, settings: EventInvokeSettings, *, age_s: float, is_shut: bool
) -> Again | Over:
    """The next step after an attempt. `age_s`: the event's age at AWS's pace; `is_shut`: reserved concurrency is 0."""
    if invocation.status == "ok":
        return Over(condition="Success", invokes=attempts.invokes + 1)
    if invocation.status == "throttled":
        if is_shut:
            return Over(condition="ZeroReservedConcurrency", invokes=attempts.invokes)
        delay = min(THROTTLE_DELAYS_S[0] * 2.0 ** min(attempts.throttles, 32), THROTTLE_DELAYS_S[1])
        following = Attempts(errors=attempts.errors, throttles=attempts.throttles + 1)
    else:
        following = Attempts(errors=attempts.errors + 1)
        if attempts.errors >= settings.retries:
            return Over(condition="RetriesExhausted", invokes=following.invokes)
        delay = FUNCTION_ERROR_DELAYS_S[attempts.errors]
    if age_s + delay > settings.age_s:  # it would be too old by then
        return Over(condition="EventAgeExceeded", invokes=following.invokes)
    return Again(delay_s=delay, attempts=following)


def put(parameters: Parameters, before: EventInvokeSettings) -> EventInvokeSettings:
    """`before` with what the call names; a blank `before` makes it PutFunctionEventInvokeConfig."""
    unknown = sorted(name for name, value in parameters.items() if name not in _KNOWN and value)
    if unknown:
        raise invalid(f"not provided by the embedded cloud for asynchronous invokes: {', '.join(unknown)}")
    given = {name: parameters.get(name) for name in sorted(_KNOWN - {"FunctionName", "Qualifier"})}
    if all(value is None for value in given.values()):
        raise invalid("You must specify at least one of error handling or destination setting.")
    retries, age = given["MaximumRetryAttempts"], given["MaximumEventAgeInSeconds"]
    _within("maximumRetryAttempts", retries, 0, MOST_RETRIES)
    _within("maximumEventAgeInSeconds", age, *AGES_S)
    destinations = given["DestinationConfig"] or {}
    return EventInvokeSettings(
        maximum_retries=before.maximum_retries if retries is None else retries,
        maximum_age_s=before.maximum_age_s if age is None else age,
        on_success=_destination(destinations, "OnSuccess", before.on_success),
        on_failure=_destination(destinations, "OnFailure", before.on_failure),
    )


def _within(member: str, value: int | None, low: int, high: int) -> None:
    if value is not None and not low <= value <= high:
        raise invalid(f"Value {value} at '{member}' must be between {low} and {high}")


def _destination(config: Parameters, side: str, before: str) -> str:
    """The ARN given for `side`; an empty one takes the destination away."""
    if config.get(side) is None:
        return before
    arn = str(config[side].get("Destination") or "")
    service = arn.split(":")[2] if arn.count(":") >= 5 else ""
    if arn and service not in ("sqs", "lambda"):
        raise invalid(f"The destination ARN {arn} is invalid: the embedded cloud delivers to SQS queues and functions")
    return arn
