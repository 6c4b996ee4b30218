"""Asynchronous invokes (InvocationType=Event): queued in memory, retried, and what fails for good is sent on.

Delays and ages are AWS's, divided by the pace. Events of a platform that ends are gone with it.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from infrastructure.embedded.apis.lambda_.asynchronous import records
from infrastructure.embedded.apis.lambda_.asynchronous import settings as settings_of
from infrastructure.embedded.apis.lambda_.asynchronous.settings import Again, Attempts, EventInvokeSettings, Over
from infrastructure.embedded.apis.lambda_.calls import (
    AsyncRequest,
    Invoker,
    InvokeTarget,
    Output,
    Parameters,
    not_found,
    paged,
)
from infrastructure.embedded.control.background import Background
from infrastructure.embedded.engines.functions.report import Invocation
from infrastructure.embedded.gateway.operations import operation
from infrastructure.embedded.gateway.refused import Refused

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

_log = logging.getLogger(__name__)

_NAMESPACE = "AWS/Lambda"
_Key = tuple[str, str]
"""A function's name and a qualifier, `$LATEST` for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Config:
    """Settings as they were put, with the ARN they were put for; `modified_at` in Unix seconds."""

    arn: str
    settings: EventInvokeSettings
    modified_at: float


class Undeliverable(Exception):
    """A destination or dead letter queue that cannot take what it was sent."""


class LambdaAsync:
    """Queues and retries. Ages go by `clock`, which nobody sets; times shown by `wall`, in Unix seconds."""

    def __init__(
        self,
        context: "Context",
        invoker: Invoker,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._context = context
        self._invoker = invoker
        self._clock = clock
        self._wall = wall
        self._configs: dict[_Key, _Config] = {}
        self._events = Background(_log)

    def submit(self, request: AsyncRequest) -> None:
        """Queue the request: returns at once, the caller has its 202."""
        self._count("AsyncEventsReceived", request.target)
        self._events.spawn(
            self._carry_out(request, self._clock()),
            f"event {request.request_id}, an asynchronous invoke of {request.target.name},",
        )

    def function_deleted(self, name: str) -> None:
        self._configs = {key: config for key, config in self._configs.items() if key[0] != name}

    async def close(self) -> None:
        await self._events.close()

    async def _carry_out(self, request: AsyncRequest, received_at: float) -> None:
        """Attempt it until it is over, then send on what there is to send."""
        target, attempts = request.target, Attempts()
        while True:
            waited = self._clock() - received_at
            self._count("AsyncEventAge", target, waited * 1000.0, unit="Milliseconds")
            try:
                invocation = await self._attempt(request)
            except Refused as error:
                self._count("AsyncEventsDropped", target)
                _log.warning("event %s of %s is dropped: %s", request.request_id, target.name, error.message)
                return
            step = self._after(request, invocation, attempts, received_at)
            if isinstance(step, Over):
                self._send_on(request, invocation, step)
                return
            attempts = step.attempts
            await asyncio.sleep(self._context.pace.seconds(step.delay_s))

    async def _attempt(self, request: AsyncRequest) -> Invocation:
        """Invoke once. A failure of Lambda itself (status 500 and more) is retried as throttling is, as on AWS."""
        target = request.target
        try:
            return await self._invoker.invoke(
                target.name,
                target.qualifier,
                request.payload,
                source="async",
                request_id=request.request_id,
                context=request.context,
            )
        except Refused as error:
            if error.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            _log.warning("event %s of %s is tried again: %s", request.request_id, target.name, error.message)
            return Invocation(status="throttled", request_id=request.request_id, reason=error.code)

    def _after(
        self, request: AsyncRequest, invocation: Invocation, attempts: Attempts, received_at: float
    ) -> Again | Over:
        return settings_of.after(
            invocation,
            attempts,
            self._settings(request.target),
            age_s=(self._clock() - received_at) * self._context.pace.speedup,
            is_shut=self._invoker.reserved(request.target.name) == 0,
        )

    def _send_on(self, request: AsyncRequest, invocation: Invocation, over: Over) -> None:
        """Notify the destination, and the dead letter queue of an event that failed for good."""
        settings, target = self._settings(request.target), request.target
        is_ok = over.condition == "Success"
        destination = settings.on_success if is_ok else settings.on_failure
        if not is_ok:
            self._count("AsyncEventsDropped", target)
        if destination:
            record = records.invocation_record(request, invocation, over, at=self._wall())
            self._try("DestinationDeliveryFailures", request, lambda: self._deliver(destination, record))
        dead_letter = self._dead_letter(target)
        if dead_letter and not is_ok:
            attributes = records.dead_letter_attributes(request, invocation, over)
            event = request.payload.decode("utf-8", "replace")
            self._try("DeadLetterErrors", request, lambda: self._send(dead_letter, event, attributes))

    def _dead_letter(self, target: InvokeTarget) -> str:
        """The function's dead letter queue as it is now, or as it was when the function has gone."""
        try:
            return self._invoker.target(target.name, target.qualifier).dead_letter_arn
        except Refused:
            return target.dead_letter_arn

    def _try(self, metric: str, request: AsyncRequest, deliver: Callable[[], None]) -> None:
        try:
            deliver()
        except Undeliverable as error:
            self._count(metric, request.target)
            _log.warning("event %s of %s is not sent on: %s", request.request_id, request.target.name, error)

    def _deliver(self, arn: str, record: bytes) -> None:
        if arn.split(":")[2] == "sqs":
            self._send(arn, record.decode(), {})
            return
        try:
            target = self._invoker.target(arn)
        except Refused as error:
            raise Undeliverable(error.message) from error
        self.submit(AsyncRequest(target=target, payload=record, request_id=str(uuid.uuid4())))

    def _send(self, arn: str, body: str, attributes: dict[str, dict[str, str]]) -> None:
        """Send to a standard queue; `Undeliverable` with the reason when that fails."""
        queues = self._context.backends.sqs
        name = arn.rpartition(":")[2]
        queue = queues.queues.get(name)
        if queue is None or queue.fifo_queue:
            raise Undeliverable(f"the queue {arn} " + ("does not exist" if queue is None else "is FIFO: not supported"))
        if len(body.encode()) > queue.maximum_message_size:
            raise Undeliverable(f"{len(body.encode())} bytes are more than {arn} takes ({queue.maximum_message_size})")
        queues.send_message(name, body, message_attributes=attributes)

    def _settings(self, target: InvokeTarget) -> EventInvokeSettings:
        config = self._configs.get(_key(target))
        return config.settings if config is not None else EventInvokeSettings()

    @operation(
        "PutFunctionEventInvokeConfig",
        effect="retries, age and destinations (SQS queues, functions) of asynchronous invokes",
    )
    def _put(self, parameters: Parameters) -> Output:
        return self._keep(parameters, EventInvokeSettings())

    @operation("UpdateFunctionEventInvokeConfig", effect="as Put, for what it names")
    def _update(self, parameters: Parameters) -> Output:
        return self._keep(parameters, self._of(parameters).settings)

    def _keep(self, parameters: Parameters, before: EventInvokeSettings) -> Output:
        target = self._target(parameters)
        arn = target.arn if target.qualifier else f"{target.arn}:$LATEST"
        config = _Config(arn=arn, settings=settings_of.put(parameters, before), modified_at=self._wall())
        self._configs[_key(target)] = config
        return _shown(config)

    @operation("GetFunctionEventInvokeConfig", effect="what was put")
    def _get(self, parameters: Parameters) -> Output:
        return _shown(self._of(parameters))

    @operation("DeleteFunctionEventInvokeConfig", effect="AWS's defaults hold again")
    def _delete(self, parameters: Parameters) -> Output:
        self._of(parameters)
        del self._configs[_key(self._target(parameters))]
        return {}

    @operation("ListFunctionEventInvokeConfigs", effect="as the single call")
    def _list(self, parameters: Parameters) -> Output:
        name = self._target(parameters).name
        found = [_shown(config) for key, config in self._configs.items() if key[0] == name]
        return paged(parameters, "FunctionEventInvokeConfigs", found)

    def _target(self, parameters: Parameters) -> InvokeTarget:
        return self._invoker.target(str(parameters["FunctionName"]), str(parameters.get("Qualifier") or ""))

    def _of(self, parameters: Parameters) -> _Config:
        target = self._target(parameters)
        config = self._configs.get(_key(target))
        if config is None:
            raise not_found(f"The function {target.arn} doesn't have an EventInvokeConfig")
        return config

    def _count(self, name: str, target: InvokeTarget, value: float = 1.0, *, unit: str = "Count") -> None:
        self._context.metrics.put(_NAMESPACE, name, value, unit, {"FunctionName": target.name})


def _key(target: InvokeTarget) -> _Key:
    return target.name, target.qualifier or "$LATEST"


def _shown(config: _Config) -> Output:
    """FunctionEventInvokeConfig."""
    return {"FunctionArn": config.arn, "LastModified": config.modified_at, **config.settings.members()}
