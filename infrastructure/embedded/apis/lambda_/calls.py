"""How the parts of the Lambda controller fit together, and what invokes functions.

Each part (functions, layers, aliases, event source mappings, asynchronous invokes) answers its own operations, on the
daemon's loop and without blocking; all but Invoke at once, since CloudFormation makes its resources by them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused

Parameters = Mapping[str, Any]
"""A call's members, as botocore names them; their types are those of AWS's service model."""
Output = dict[str, Any]
"""The answer's members; times are strings or numbers as AWS writes them."""


def not_found(message: str) -> Refused:
    """ResourceNotFoundException, 404."""
    return Refused("ResourceNotFoundException", message, status=404, Type="User")


def invalid(message: str) -> Refused:
    """InvalidParameterValueException, 400."""
    return Refused("InvalidParameterValueException", message, Type="User")


def conflict(message: str) -> Refused:
    """ResourceConflictException, 409."""
    return Refused("ResourceConflictException", message, status=409, Type="User")


@dataclass(frozen=True, slots=True, kw_only=True)
class InvokeTarget:
    """A function's version as something to invoke. `qualifier` is what the caller asked for (alias, version or '')."""

    name: str
    arn: str
    """Unqualified, or with the qualifier that was asked for."""
    version: str
    qualifier: str = ""
    timeout_s: float
    dead_letter_arn: str = ""
    """DeadLetterConfig.TargetArn, for asynchronous invokes."""


class Invoker(Protocol):
    """What event source mappings and asynchronous invokes use of `Invocations`. All on the daemon's loop."""

    @property
    def watchers(self) -> set[Callable[[], None]]:
        """Called when an invocation ended or a limit changed: a slot may be free."""

    def target(self, name: str, qualifier: str = "") -> InvokeTarget:
        """Resolve a name or ARN; `Refused` (ResourceNotFoundException) when there is none."""

    def reserved(self, name: str) -> int | None:
        """The function's reserved concurrency; None when none is reserved, or there is no such function."""

    def free_slots(self, name: str) -> int:
        """How many more invocations of the function would not be throttled right now."""

    async def invoke(
        self, name: str, qualifier: str, payload: bytes, *, source: str, request_id: str = "", context: str = ""
    ) -> Invocation:
        """Run the function with a JSON payload. `name` may be an ARN; an empty `qualifier` means $LATEST.

        `source` is who asked (`api`, `async`, `sqs` …), for the log; `request_id` is kept by the retries of an
        asynchronous invoke, empty makes one; `context` is the base64 client context. Errors of the function and
        throttling are in the result; an unknown function raises `Refused`.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncRequest:
    """One `InvocationType=Event` call that was answered 202. `context` as in `Invoker.invoke`."""

    target: InvokeTarget
    payload: bytes
    request_id: str
    context: str = ""


def paged(given: Parameters, name: str, found: list[Any], most: int = 50) -> Output:
    """One page of `found`, of MaxItems and `most` at most; Marker is the place to go on from."""
    try:
        shown, following = page(found, given.get("Marker") or None, min(int(given.get("MaxItems") or most), most))
    except ValueError:
        raise invalid(f"Marker {given['Marker']!r} is none of ours") from None
    return {name: shown, **({"NextMarker": following} if following else {})}
