"""How the parts of the Lambda controller fit together: calls by action name, and what invokes functions.

Every part (functions, layers, aliases, event source mappings, asynchronous invokes) has a table `calls` from the
operation's name to its handler, and the controller answers from all the tables together. A handler gets the call's
members under the names of botocore's service model, from path, query, headers and body alike, and gives back the
output's members; a refusal is a `LambdaError`. Handlers run on the daemon's loop and do not block. All but Invoke are
plain functions, since CloudFormation makes its resources by them, through `native.call("lambda", action, …)`.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from infrastructure.embedded.engines.functions.report import Invocation

Parameters = Mapping[str, Any]
"""A call's members, as botocore names them; their types are those of AWS's service model."""
Output = dict[str, Any]
"""The answer's members; times are strings or numbers as AWS writes them."""
CallHandler = Callable[[Parameters], Output | Awaitable[Output]]
"""A plain function wherever possible: a coroutine cannot be called by CloudFormation."""


class LambdaError(Exception):
    """A refusal in AWS's own words: exception name, message, status; `more` are further members of the document."""

    def __init__(self, code: str, message: str, *, status: int = 400, **more: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.more = more


def not_found(message: str) -> LambdaError:
    """ResourceNotFoundException, 404."""
    return LambdaError("ResourceNotFoundException", message, status=404, Type="User")


def invalid(message: str) -> LambdaError:
    """InvalidParameterValueException, 400."""
    return LambdaError("InvalidParameterValueException", message, Type="User")


def conflict(message: str) -> LambdaError:
    """ResourceConflictException, 409."""
    return LambdaError("ResourceConflictException", message, status=409, Type="User")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
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
    """What event source mappings and asynchronous invokes use of the controller. All on the daemon's loop."""

    watchers: set[Callable[[], None]]
    """Called when an invocation ended or a limit changed: a slot may be free."""

    def target(self, name: str, qualifier: str = "") -> Target:
        """Resolve a name or ARN; `LambdaError` (ResourceNotFoundException) when there is none."""
        ...

    def reserved(self, name: str) -> int | None:
        """The function's reserved concurrency; None when none is reserved, or there is no such function."""
        ...

    def free_slots(self, name: str) -> int:
        """How many more invocations of the function would not be throttled right now."""
        ...

    async def invoke(
        self, name: str, qualifier: str, payload: bytes, *, source: str, request_id: str = "", context: str = ""
    ) -> Invocation:
        """Run the function with a JSON payload. `name` may be an ARN; an empty `qualifier` means $LATEST.

        `source` says who asked (`api`, `async`, `sqs` …), for the log; `request_id` is kept by the retries of an
        asynchronous invoke, empty makes one; `context` is the base64 client context. Errors of the function and
        throttling are in the result; an unknown function raises `LambdaError`.
        """
        ...


class CallTable(Protocol):
    """One part of the API: its calls, their real effects (for PARITY.md), and its end."""

    effects: Mapping[str, str]
    calls: Mapping[str, CallHandler]

    async def close(self) -> None:
        """Stop what was started; idempotent."""
        ...


class FunctionFollower(CallTable, Protocol):
    """A part that keeps something per function: told when one changed or went."""

    async def reconcile(self) -> None:
        """A function, a queue or a mapping has changed; also called at the slow tick."""
        ...

    def function_deleted(self, name: str) -> None:
        """Forget what belongs to the function (its mappings stay, as on AWS, but find no function)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AsyncRequest:
    """One `InvocationType=Event` call that was answered 202. `context` as in `Invoker.invoke`."""

    target: Target
    payload: bytes
    request_id: str
    context: str = ""


class AsyncInvokes(FunctionFollower, Protocol):
    """`controllers/lambda_async.py`: `LambdaAsync(context: Context, invoker: Invoker)`.

    Its `calls`: Put/Update/Get/Delete/ListFunctionEventInvokeConfig(s).
    """

    def submit(self, request: AsyncRequest) -> None:
        """Queue the request: returns at once, the caller has its 202."""
        ...


class EventSourceMappings(FunctionFollower, Protocol):
    """`controllers/lambda_event_source.py`: `LambdaEventSources(context: Context, invoker: Invoker)`.

    Its `calls`: Create/Get/Update/Delete/ListEventSourceMapping(s).
    """


@dataclass(slots=True)
class Nothing:
    """A part that is not there; for tests of the others."""

    effects: Mapping[str, str] = field(default_factory=dict)
    calls: Mapping[str, CallHandler] = field(default_factory=dict)

    async def reconcile(self) -> None:
        """Nothing to do."""

    def function_deleted(self, name: str) -> None:
        """Nothing to forget."""

    async def close(self) -> None:
        """Nothing was started."""
