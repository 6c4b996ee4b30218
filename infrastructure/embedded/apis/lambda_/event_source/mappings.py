"""Event source mappings: the calls, and a poller for each. Queues of SQS only.

A mapping stays when its function or its queue goes, as on AWS, and says so in LastProcessingResult.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infrastructure.embedded.apis.lambda_.calls import Invoker, Output, Parameters, conflict, invalid, not_found, paged
from infrastructure.embedded.apis.lambda_.event_source import settings as settings_of
from infrastructure.embedded.apis.lambda_.event_source.poller import Poller
from infrastructure.embedded.apis.lambda_.event_source.settings import MappingSettings, QueueSource
from infrastructure.embedded.control.background import Background
from infrastructure.embedded.gateway.operations import operation
from infrastructure.embedded.gateway.refused import Refused

if TYPE_CHECKING:
    from infrastructure.embedded.apis.sqs.patches import EmbeddedQueue
    from infrastructure.embedded.control.context import Context

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _Record:
    """One mapping. `modified_at` in Unix seconds."""

    id: str
    poller: Poller
    modified_at: float
    is_deleting: bool = False

    @property
    def settings(self) -> MappingSettings:
        return self.poller.settings


class LambdaEventSources:
    """Answers the calls about mappings, and keeps a poller for each."""

    def __init__(self, context: "Context", invoker: Invoker, *, clock: Callable[[], float] = time.time) -> None:
        self._context = context
        self._invoker = invoker
        self._clock = clock
        self._records: dict[str, _Record] = {}
        self._endings = Background(_log)

    def poke(self, function: str = "") -> None:
        """Let the pollers, or those of one function, look again: their queue or function may have come or gone."""
        for record in self._records.values():
            if function in ("", record.settings.function):
                record.poller.poke()

    def tagged(self) -> Iterator[tuple[str, Mapping[str, str]]]:
        return ((self._arn(record), record.settings.tags) for record in self._records.values())

    def tags(self, identifier: str) -> dict[str, str]:
        """The tags of a mapping, to be read and changed; `Refused` when there is none of that id."""
        return self._of({"UUID": identifier}).settings.tags

    async def close(self) -> None:
        await self._endings.close()
        records, self._records = self._records, {}
        await asyncio.gather(*(record.poller.close() for record in records.values()))

    @operation(
        "CreateEventSourceMapping", effect="messages of an SQS queue invoke the function in batches; no other sources"
    )
    def _create(self, parameters: Parameters) -> Output:
        arn = str(parameters.get("EventSourceArn") or "")
        source = self._source(arn)
        target = self._invoker.target(str(parameters.get("FunctionName") or ""))
        settings = settings_of.created(parameters, source, target)
        for record in self._records.values():
            if (record.settings.source_arn, record.settings.function_arn) == (arn, settings.function_arn):
                raise conflict(
                    f'The event source arn (" {arn} ") and function (" {target.name} ") provided mapping already '
                    f"exists. Please update or delete the existing mapping with UUID {record.id}"
                )
        poller = Poller(settings, self._queue, self._invoker, self._context.pace)
        record = _Record(id=str(uuid.uuid4()), poller=poller, modified_at=self._clock())
        self._records[record.id] = record
        poller.start()
        return self._shown(record)

    @operation("UpdateEventSourceMapping", effect="counts for the next batch; Enabled=false takes no more")
    def _update(self, parameters: Parameters) -> Output:
        record = self._of(parameters)
        if record.is_deleting:
            raise Refused(
                "ResourceInUseException",
                f"Cannot update the event source mapping {record.id}: it is being deleted",
                Type="User",
            )
        settings = record.settings
        moved_to = str(parameters.get("FunctionName") or "")
        target = self._invoker.target(moved_to or settings.function, "" if moved_to else settings.qualifier)
        record.poller.settings = settings_of.updated(settings, parameters, self._source(settings.source_arn), target)
        record.modified_at = self._clock()
        record.poller.poke()
        return self._shown(record, state="Updating" if record.settings.is_enabled else "Disabling")

    @operation("DeleteEventSourceMapping", effect="takes no more; batches that were begun are finished")
    def _delete(self, parameters: Parameters) -> Output:
        record = self._of(parameters)
        if not record.is_deleting:
            record.is_deleting = True
            self._endings.spawn(self._end(record), f"the deletion of the event source mapping {record.id}")
        return self._shown(record)

    async def _end(self, record: _Record) -> None:
        await record.poller.drain()
        self._records.pop(record.id, None)

    @operation("GetEventSourceMapping", effect="its state, and what came of the latest batch")
    def _get(self, parameters: Parameters) -> Output:
        return self._shown(self._of(parameters))

    @operation("ListEventSourceMappings", effect="as the single call")
    def _list(self, parameters: Parameters) -> Output:
        name = self._function_name(str(parameters.get("FunctionName") or ""))
        arn = parameters.get("EventSourceArn")
        found = [
            record
            for record in self._records.values()
            if (not name or record.settings.function == name) and (not arn or record.settings.source_arn == arn)
        ]
        return paged(parameters, "EventSourceMappings", [self._shown(record) for record in found], most=100)

    def _function_name(self, wanted: str) -> str:
        """The name of a function given by name or ARN; also of one that has gone and left mappings."""
        try:
            return self._invoker.target(wanted).name if wanted else ""
        except Refused:
            if any(record.settings.function == wanted for record in self._records.values()):
                return wanted
            raise

    def _of(self, parameters: Parameters) -> _Record:
        record = self._records.get(str(parameters["UUID"]))
        if record is None:
            raise not_found("The resource you requested does not exist.")
        return record

    def _source(self, arn: str) -> QueueSource:
        name = settings_of.source_of(arn, region=self._context.region, account=self._context.account)
        queue = self._queue(name)
        if queue is None:
            raise invalid(
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                f"SQS Error Message: The specified queue {name} does not exist."
            )
        return QueueSource(arn=arn, is_fifo=bool(queue.fifo_queue), visibility_s=float(queue.visibility_timeout))

    def _queue(self, name: str) -> "EmbeddedQueue | None":
        queue: EmbeddedQueue | None = self._context.backends.sqs.queues.get(name)
        return queue

    def _arn(self, record: _Record) -> str:
        return f"arn:aws:lambda:{self._context.region}:{self._context.account}:event-source-mapping:{record.id}"

    def _shown(self, record: _Record, *, state: str = "") -> Output:
        return {
            "UUID": record.id,
            "EventSourceMappingArn": self._arn(record),
            **record.settings.members(),
            "LastModified": record.modified_at,
            "LastProcessingResult": record.poller.last_result,
            "State": "Deleting" if record.is_deleting else state or record.poller.state,
            "StateTransitionReason": "USER_INITIATED",
        }
