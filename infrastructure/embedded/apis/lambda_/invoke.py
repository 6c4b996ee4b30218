"""Invoking: admission, a sandbox, the answer; and the API's Invoke on top of it.

Every invocation, whoever asks for it, passes `Invocations.invoke`: there it is admitted or throttled, counted and
measured (AWS/Lambda: Invocations, Errors, Throttles, Duration; by FunctionName).
"""

import asyncio
import base64
import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING

import orjson

from infrastructure.embedded.apis.lambda_.aliases import LambdaAliases
from infrastructure.embedded.apis.lambda_.asynchronous.invokes import LambdaAsync
from infrastructure.embedded.apis.lambda_.calls import (
    AsyncRequest,
    InvokeTarget,
    Output,
    Parameters,
    not_found,
)
from infrastructure.embedded.apis.lambda_.concurrency import Concurrency
from infrastructure.embedded.apis.lambda_.environment import spec_of
from infrastructure.embedded.apis.lambda_.record import LATEST, Configuration, Records
from infrastructure.embedded.control.background import end
from infrastructure.embedded.engines.functions.engine import BadPackage, Functions
from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.gateway.operations import operation
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.errors import EnvironmentFault

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

_log = logging.getLogger(__name__)

NAMESPACE = "AWS/Lambda"
SYNCHRONOUS_LIMIT, ASYNCHRONOUS_LIMIT = 6_291_456, 1_048_576
"""Bytes of a payload."""
CONTEXT_LIMIT = 3583
"""Bytes of a client context, as base64."""


class Invocations:
    """Implements `Invoker`."""

    def __init__(
        self, context: "Context", records: Records, engine: Functions, concurrency: Concurrency, aliases: LambdaAliases
    ) -> None:
        self._context = context
        self._records = records
        self._engine = engine
        self._concurrency = concurrency
        self._aliases = aliases
        self._under_way: set[asyncio.Task[Invocation]] = set()

    @property
    def watchers(self) -> set[Callable[[], None]]:
        return self._concurrency.watchers

    def target(self, name: str, qualifier: str = "") -> InvokeTarget:
        configuration = self._records.configuration(name, qualifier)
        qualifier = self._records.split(name, qualifier)[1]
        return InvokeTarget(
            name=configuration.name,
            arn=f"{configuration.arn}:{qualifier}" if qualifier else configuration.arn,
            version=configuration.version,
            qualifier=qualifier,
            timeout_s=float(configuration.timeout_s),
            dead_letter_arn=configuration.dead_letter_arn,
        )

    def reserved(self, name: str) -> int | None:
        return self._concurrency.reserved(self._records.split(name)[0])

    def free_slots(self, name: str) -> int:
        return self._concurrency.free(self._records.split(name)[0])

    async def invoke(
        self, name: str, qualifier: str, payload: bytes, *, source: str, request_id: str = "", context: str = ""
    ) -> Invocation:
        """Run the function; see `Invoker`. A caller that goes away does not end what was begun."""
        function, qualifier = self._records.split(name, qualifier)
        configuration = self._aliases.chosen(self._records.function(name), qualifier)
        if configuration is None:
            raise not_found(f"Function not found: {self._records.arn(function)}:{qualifier}")
        request_id = request_id or str(uuid.uuid4())
        reason = self._concurrency.admit(function)
        if reason:
            self._put(function, "Throttles", 1.0)
            _log.info("an invocation of %s by %s is throttled: %s", function, source, reason)
            return Invocation(
                status="throttled", request_id=request_id, executed_version=configuration.version, reason=reason
            )
        arn = f"{configuration.arn}:{qualifier}" if qualifier else configuration.arn
        work = self._run(configuration, request_id, payload, arn, context)
        run = asyncio.create_task(work, name=f"invoke {function}")
        self._under_way.add(run)
        run.add_done_callback(self._under_way.discard)
        return await asyncio.shield(run)

    async def _run(
        self, configuration: Configuration, request_id: str, payload: bytes, arn: str, context: str
    ) -> Invocation:
        """One admitted invocation, which gives its slot back whatever comes."""
        try:
            spec = spec_of(configuration, self._context)
            ran = await self._engine.run(spec, configuration.key, request_id, payload, arn=arn, context=context)
        except BadPackage as problem:
            document = orjson.dumps({"errorType": "InvalidZipFileException", "errorMessage": str(problem)})
            self._measure(configuration.name, duration_ms=0.0, is_error=True)
            return Invocation(status="function_error", request_id=request_id, payload=document)
        except EnvironmentFault as fault:
            raise Refused("ServiceException", str(fault), status=500, Type="Service") from fault
        finally:
            self._concurrency.leave(configuration.name)
        self._measure(configuration.name, duration_ms=ran.report.duration_ms, is_error=ran.is_error)
        return Invocation(
            status="function_error" if ran.is_error else "ok",
            request_id=request_id,
            payload=ran.payload,
            executed_version=configuration.version,
            log=ran.log,
            report=ran.report,
        )

    async def close(self) -> None:
        await end(*self._under_way)

    def _measure(self, name: str, *, duration_ms: float, is_error: bool) -> None:
        self._put(name, "Invocations", 1.0)
        self._put(name, "Errors", float(is_error))
        self._put(name, "Throttles", 0.0)
        self._put(name, "Duration", duration_ms, unit="Milliseconds")

    def _put(self, name: str, metric: str, value: float, unit: str = "Count") -> None:
        self._context.metrics.put(NAMESPACE, metric, value, unit, {"FunctionName": name})


class LambdaInvoke:
    """The API's Invoke, in its three ways."""

    def __init__(self, invocations: Invocations, asynchronous: LambdaAsync) -> None:
        self._invocations = invocations
        self._asynchronous = asynchronous

    @operation(
        "Invoke",
        effect="the handler runs in a sandbox; RequestResponse, Event, DryRun; log tail, qualifier, client context",
    )
    async def _invoke(self, given: Parameters) -> Output:
        name, qualifier = given["FunctionName"], given.get("Qualifier", "")
        target = self._invocations.target(name, qualifier)
        kind, context = given.get("InvocationType", "RequestResponse"), _context(given)
        payload = _payload(given.get("Payload") or b"{}", ASYNCHRONOUS_LIMIT if kind == "Event" else SYNCHRONOUS_LIMIT)
        if kind == "DryRun":
            return {"StatusCode": 204}
        if kind == "Event":
            request = AsyncRequest(target=target, payload=payload, request_id=str(uuid.uuid4()), context=context)
            self._asynchronous.submit(request)
            return {"StatusCode": 202, "Payload": b""}
        invocation = await self._invocations.invoke(
            target.name, target.qualifier, payload, source="api", context=context
        )
        return _answer(invocation, with_log=given.get("LogType") == "Tail")


def _answer(invocation: Invocation, *, with_log: bool) -> Output:
    if invocation.status == "throttled":
        message = "Rate Exceeded."
        raise Refused("TooManyRequestsException", message, status=429, Type="User", Reason=invocation.reason)
    return {
        "StatusCode": 200,
        "FunctionError": "Unhandled" if invocation.status == "function_error" else None,
        "LogResult": base64.b64encode(invocation.log_tail).decode() if with_log else None,
        "ExecutedVersion": invocation.executed_version or LATEST,
        "Payload": invocation.payload,
    }


def _payload(payload: bytes, limit: int) -> bytes:
    if len(payload) > limit:
        message = f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        raise Refused("RequestTooLargeException", message, status=413, Type="User")
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as problem:
        message = f"Could not parse request body into json: {problem}"
        raise Refused("InvalidRequestContentException", message, Type="User") from problem
    return payload


def _context(given: Parameters) -> str:
    """The client context, checked: base64 of a JSON object."""
    encoded = str(given.get("ClientContext") or "")
    if not encoded:
        return ""
    try:
        document = orjson.loads(base64.b64decode(encoded, validate=True))  # refuses the same depth on every Python
    except ValueError as problem:
        raise _bad_context(str(problem)) from problem
    if not isinstance(document, dict):
        raise _bad_context(f"it is a {type(document).__name__}")
    if len(encoded) > CONTEXT_LIMIT:
        raise _bad_context(f"{len(encoded)} bytes are more than {CONTEXT_LIMIT}")
    return encoded


def _bad_context(problem: str) -> Refused:
    message = f"Client context must be a valid Base64-encoded JSON object: {problem}"
    return Refused("InvalidRequestContentException", message, Type="User")
