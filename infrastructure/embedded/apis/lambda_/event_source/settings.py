"""What an event source mapping is set to, checked as AWS checks it. Pure.

Source: AWS Lambda API Reference, CreateEventSourceMapping and UpdateEventSourceMapping; Developer Guide, "Creating and
configuring an Amazon SQS event source mapping" and "Configuring scaling behavior for SQS event source mappings".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from infrastructure.embedded.apis.lambda_.calls import InvokeTarget, Parameters, invalid
from infrastructure.embedded.gateway.api import names

DEFAULT_BATCH = 10
LARGEST_BATCH = 10_000
LARGEST_FIFO_BATCH = 10
LONGEST_WINDOW_S = 300
CONCURRENCY = (2, 1_000)
"""What ScalingConfig.MaximumConcurrency may be."""
REPORT_FAILURES = "ReportBatchItemFailures"

_KNOWN = names(
    "BatchSize Enabled EventSourceArn FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds ScalingConfig "
    "Tags UUID"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSource:
    """The queue at the mapping's one end, as far as its settings must fit it."""

    arn: str
    is_fifo: bool
    visibility_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingSettings:
    """A mapping's settings. `maximum_concurrency` None: as far as the function's own limits allow."""

    source_arn: str
    function: str
    qualifier: str
    function_arn: str
    batch_size: int = DEFAULT_BATCH
    window_s: int = 0
    maximum_concurrency: int | None = None
    reports_failures: bool = False
    is_enabled: bool = True
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def queue(self) -> str:
        return self.source_arn.rpartition(":")[2]

    def members(self) -> dict[str, Any]:
        scaling = {} if self.maximum_concurrency is None else {"MaximumConcurrency": self.maximum_concurrency}
        return {
            "EventSourceArn": self.source_arn,
            "FunctionArn": self.function_arn,
            "BatchSize": self.batch_size,
            "MaximumBatchingWindowInSeconds": self.window_s,
            "FunctionResponseTypes": [REPORT_FAILURES] if self.reports_failures else [],
            **({"ScalingConfig": scaling} if scaling else {}),
        }


def source_of(arn: str, *, region: str, account: str) -> str:
    """The queue's name in an event source ARN; `Refused` when it is not of a queue of this cloud."""
    parts = arn.split(":")
    if len(parts) != 6 or parts[0] != "arn":
        raise invalid(f"Value {arn!r} at 'eventSourceArn' failed to satisfy constraint: it must be the ARN of a queue")
    if parts[2] != "sqs":
        raise invalid(
            f"Event source {arn} is of {parts[2]}; the embedded cloud maps SQS queues only. See PARITY.md, lambda"
        )
    if (parts[3], parts[4]) != (region, account):
        raise invalid(f"Event source {arn} must be in the function's region and account: {region}, {account}")
    return parts[5]


def created(parameters: Parameters, source: QueueSource, target: InvokeTarget) -> MappingSettings:
    """The settings of a new mapping from `source` to `target`."""
    _refuse_unknown(parameters)
    blank = MappingSettings(
        source_arn=source.arn, function=target.name, qualifier=target.qualifier, function_arn=target.arn
    )
    return _checked(_changed(blank, parameters), source, target)


def updated(
    settings: MappingSettings, parameters: Parameters, source: QueueSource, target: InvokeTarget
) -> MappingSettings:
    """`settings` with the members that UpdateEventSourceMapping named."""
    _refuse_unknown(parameters)
    moved = replace(settings, function=target.name, qualifier=target.qualifier, function_arn=target.arn)
    return _checked(_changed(moved, parameters), source, target)


def _changed(settings: MappingSettings, parameters: Parameters) -> MappingSettings:
    given = {name: value for name, value in parameters.items() if value is not None}
    changes: dict[str, Any] = {}
    names = {"BatchSize": "batch_size", "MaximumBatchingWindowInSeconds": "window_s", "Enabled": "is_enabled"}
    changes |= {attribute: given[name] for name, attribute in names.items() if name in given}
    if "ScalingConfig" in given:
        changes["maximum_concurrency"] = given["ScalingConfig"].get("MaximumConcurrency")
    if "FunctionResponseTypes" in given:
        changes["reports_failures"] = _reports(given["FunctionResponseTypes"])
    if "Tags" in given:
        changes["tags"] = dict(given["Tags"])
    return replace(settings, **changes)


def _checked(settings: MappingSettings, source: QueueSource, target: InvokeTarget) -> MappingSettings:
    """`settings`, or the first thing AWS would refuse about them."""
    largest = LARGEST_FIFO_BATCH if source.is_fifo else LARGEST_BATCH
    _within("batchSize", settings.batch_size, 1, largest)
    _within("maximumBatchingWindowInSeconds", settings.window_s, 0, LONGEST_WINDOW_S)
    if settings.maximum_concurrency is not None:
        _within("scalingConfig.maximumConcurrency", settings.maximum_concurrency, *CONCURRENCY)
    if source.is_fifo and settings.window_s:
        raise invalid("Batching window is not supported for FIFO queues")
    if settings.batch_size > LARGEST_FIFO_BATCH and not settings.window_s:
        raise invalid("Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10")
    if source.visibility_s < target.timeout_s:
        raise invalid(
            f"Queue visibility timeout: {source.visibility_s:.0f} seconds is less than Function timeout: "
            f"{target.timeout_s:.0f} seconds"
        )
    return settings


def _within(member: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise invalid(f"Value {value} at '{member}' must be between {low} and {high} for this event source")


def _reports(types: Iterable[str]) -> bool:
    unknown = sorted(set(types) - {REPORT_FAILURES})
    if unknown:
        raise invalid(f"Function response type {', '.join(unknown)} is not known; allowed: {REPORT_FAILURES}")
    return REPORT_FAILURES in types


def _refuse_unknown(parameters: Parameters) -> None:
    """Refuse members that ask for something that would not happen; an empty one asks for nothing."""
    asked = sorted(name for name, value in parameters.items() if name not in _KNOWN and _asks(value))
    if asked:
        raise invalid(f"not provided by the embedded cloud for SQS event sources: {', '.join(asked)}; see PARITY.md")


def _asks(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_asks(each) for each in value.values())
    return bool(value)
