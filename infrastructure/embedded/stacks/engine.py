"""Creates, changes and deletes the resources of a stack in order, and takes back what it did when one of them fails.

    CREATE_IN_PROGRESS ─▶ CREATE_COMPLETE          UPDATE_IN_PROGRESS ─▶ UPDATE_COMPLETE      DELETE_IN_PROGRESS ─▶
          │ a resource fails                             │                                    DELETE_COMPLETE, or
          ▼                                              ▼                                    DELETE_FAILED
    ROLLBACK_IN_PROGRESS ─▶ ROLLBACK_COMPLETE      UPDATE_ROLLBACK_IN_PROGRESS ─▶ UPDATE_ROLLBACK_COMPLETE

Every step leaves an event with its reason. The operations are generators: they yield while a deletion goes on outside
(a service that drains), and `drive` takes them up again from the event loop. Source: AWS CloudFormation User Guide,
"Stack creation events", "Update behaviors of stack resources".
"""

import asyncio
import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event

from infrastructure.embedded.stacks import made, progress
from infrastructure.embedded.stacks.made import Made
from infrastructure.embedded.stacks.moto_types import MOTO_TYPES
from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource
from infrastructure.embedded.stacks.template import Template, order

Stack = Any
"""moto's stack; what is read and written of it: template_dict, resource_map, status, events, tags."""

PAUSE_S = 0.05
LONGEST_S = 120.0
"""How long a deletion may go on before it has failed."""
KEPT_EVENTS = 2_000


@dataclass(slots=True)
class Failure(Exception):
    """A resource could not be made, changed or deleted."""

    logical_id: str
    reason: str


@dataclass(slots=True)
class Work:
    """One operation on one stack. `map` resolves references: the stack's own, or that of the template to come.

    moto's ResourceMap is entered by its private members, since reading it from outside creates what is not there.
    """

    stack: Stack
    map: Any
    api: Api = field(init=False)
    _torn: dict[str, Made] = field(init=False, default_factory=dict)
    """The resource whose update failed half-way, as one that has the properties it was to get."""

    def __post_init__(self) -> None:
        self.api = Api(self.stack.account_id, self.stack.region_name)

    def create(self, on_failure: str) -> Iterator[None]:
        """Make everything; what happens otherwise `on_failure` says: ROLLBACK, DELETE or DO_NOTHING."""
        self._stack("CREATE_IN_PROGRESS", "User Initiated")
        try:
            for logical_id in order(self.stack.template_dict):
                self._make(logical_id)
        except Failure as failure:
            reason = f"The following resource(s) failed to create: [{failure.logical_id}]. "
            yield from self._undo_creation(on_failure, reason)
            return
        self._stack("CREATE_COMPLETE")

    def _undo_creation(self, on_failure: str, reason: str) -> Iterator[None]:
        if on_failure == "DO_NOTHING":
            self._stack("CREATE_FAILED", reason)
            return
        verb = "DELETE" if on_failure == "DELETE" else "ROLLBACK"
        self._stack(f"{verb}_IN_PROGRESS", f"{reason}Rollback requested by user.")
        yield from self._remove_all(tuple(self.stack.made), f"{verb}_COMPLETE", f"{verb}_FAILED")

    def update(self, template: Template) -> Iterator[None]:
        """Make the stack as `template` says, which `map` belongs to; the stack adopts both once that is certain."""
        stack, before = self.stack, dict(self.stack.made)
        self._stack("UPDATE_IN_PROGRESS", "User Initiated")
        self.map._parsed_resources.update({name: known.record for name, known in before.items()})
        wanted = [name for name in order(template) if self._is_wanted(name)]
        try:
            for logical_id in wanted:
                known = before.get(logical_id)
                if known is None:
                    self._make(logical_id)
                else:
                    self._change(logical_id, known)
        except Failure as failure:
            yield from self._undo_update(
                before, f"The following resource(s) failed to update: [{failure.logical_id}]. "
            )
            return
        gone = tuple(name for name in before if name not in wanted)
        for logical_id in wanted:  # a policy may change where no property does
            stack.made[logical_id].is_retained = self._is_retained(logical_id)
        stack.adopt(template, self.map)
        for logical_id, known in before.items():
            if logical_id in stack.made:
                self._clean_up(logical_id, known, stack.made[logical_id])
        yield from self._remove_all(gone, "UPDATE_COMPLETE", "UPDATE_COMPLETE")

    def _undo_update(self, before: dict[str, Made], reason: str) -> Iterator[None]:
        self._stack("UPDATE_ROLLBACK_IN_PROGRESS", reason)
        standing = self.stack.made
        added = tuple(name for name in standing if name not in before)
        status = "UPDATE_ROLLBACK_COMPLETE"
        for logical_id, known in before.items():
            now = self._torn.pop(logical_id, standing[logical_id])
            if now is not known:
                try:
                    self._put_back(logical_id, now, known)
                except Failure:
                    status = "UPDATE_ROLLBACK_FAILED"
        yield from self._remove_all(added, status, "UPDATE_ROLLBACK_FAILED")

    def delete(self) -> Iterator[None]:
        """Delete everything but what its DeletionPolicy retains, the last made first."""
        self._stack("DELETE_IN_PROGRESS", "User Initiated")
        yield from self._remove_all(tuple(self.stack.made), "DELETE_COMPLETE", "DELETE_FAILED")

    def _make(self, logical_id: str) -> None:
        if not self._is_wanted(logical_id):
            return
        declared = self.map._resource_json_map[logical_id]
        kind = declared["Type"]
        self._event(logical_id, kind, "CREATE_IN_PROGRESS")
        try:
            resolved = parsing.parse_resource_and_generate_name(logical_id, declared, self.map)
            resource_class, json, name = resolved
            properties = copy.deepcopy(json.get("Properties", {}))
            record = resource_class.create_from_cloudformation_json(
                name,
                json,
                self.api.account,
                self.api.region,
                LogicalId=logical_id,
                StackId=self.stack.stack_id,
                ResourceType=kind,
            )
            self._register(logical_id, kind, name, record, properties)
            self._complete(record, kind, properties)
        except Exception as cause:  # whatever it was, it is this resource's failure
            raise self._failed(logical_id, kind, "CREATE_FAILED", cause) from cause
        self._event(logical_id, kind, "CREATE_COMPLETE")

    def _register(self, logical_id: str, kind: str, name: str, record: Any, properties: Properties) -> None:
        record.cf_resource_type, record.logical_resource_id = kind, logical_id
        self.map._parsed_resources[logical_id] = record
        self.stack.made[logical_id] = Made(
            kind=kind,
            name=name,
            record=record,
            properties=properties,
            is_retained=self._is_retained(logical_id),
        )

    def _is_retained(self, logical_id: str) -> bool:
        return bool(self.map._resource_json_map[logical_id].get("DeletionPolicy") == "Retain")

    def _complete(self, record: Any, kind: str, properties: Properties) -> None:
        if isinstance(record, Resource):
            record.complete(self.api)
        elif kind in MOTO_TYPES and MOTO_TYPES[kind].complete is not None:
            MOTO_TYPES[kind].complete(self.api, record, properties)  # type: ignore[misc]  # it is not None

    def _change(self, logical_id: str, known: Made) -> None:
        declared = self.map._resource_json_map[logical_id]
        try:
            _, json, _ = parsing.parse_resource_and_generate_name(logical_id, declared, self.map)
        except Exception as cause:  # as in _make
            raise self._failed(logical_id, known.kind, "UPDATE_FAILED", cause) from cause
        properties = copy.deepcopy(json.get("Properties", {}))
        if properties != known.properties:
            self._put(logical_id, known, properties)

    def _put_back(self, logical_id: str, now: Made, before: Made) -> None:
        if made.is_replaced(before, now):
            self._register(logical_id, before.kind, before.name, before.record, before.properties)
            self._clean_up(logical_id, now, before)
        else:
            self._put(logical_id, now, before.properties)
        self.stack.made[logical_id].is_retained = before.is_retained

    def _clean_up(self, logical_id: str, former: Made, now: Made) -> None:
        """Delete what an update, or its rollback, has put another in the place of; a failure changes nothing else."""
        if made.is_replaced(former, now):
            self._event(logical_id, former.kind, "DELETE_IN_PROGRESS")
            try:
                made.delete(self.api, self.map, former)
            except Exception as cause:  # noqa: BLE001  # as in _make; told by its event
                self._failed(logical_id, former.kind, "DELETE_FAILED", cause)
            else:
                self._event(logical_id, former.kind, "DELETE_COMPLETE")

    def _put(self, logical_id: str, known: Made, properties: Properties) -> None:
        """Change an existing resource to have `properties`."""
        self._event(logical_id, known.kind, "UPDATE_IN_PROGRESS")
        try:
            record = made.updated(self.api, known, properties)
        except Exception as cause:  # as in _make
            if (torn := made.torn(known, properties, cause)) is not None:
                self._torn[logical_id] = torn
            raise self._failed(logical_id, known.kind, "UPDATE_FAILED", cause) from cause
        self._register(logical_id, known.kind, known.name, record, properties)
        self._event(logical_id, known.kind, "UPDATE_COMPLETE")

    def _remove_all(self, names: tuple[str, ...], done: str, failed: str) -> Iterator[None]:
        """Delete `names` in the reverse of the order they were made in; yields while one is on its way out."""
        faults: list[Failure] = []
        for logical_id in [name for name in reversed(tuple(self.stack.made)) if name in names]:
            try:
                yield from self._remove(logical_id)
            except Failure as fault:
                faults.append(fault)
        if faults:
            stuck = ", ".join(fault.logical_id for fault in faults)
            self._stack(failed, f"The following resource(s) failed to delete: [{stuck}]. ")
        else:
            self._stack(done)

    def _remove(self, logical_id: str) -> Iterator[None]:
        known = self.stack.made[logical_id]
        if known.is_retained:
            self._event(logical_id, known.kind, "DELETE_SKIPPED")
        else:
            self._event(logical_id, known.kind, "DELETE_IN_PROGRESS")
            try:
                made.delete(self.api, self.map, known)
                yield from self._gone(known)
            except Exception as cause:  # as in _make
                raise self._failed(logical_id, known.kind, "DELETE_FAILED", cause) from cause
            self._event(logical_id, known.kind, "DELETE_COMPLETE")
        del self.stack.made[logical_id]
        self.map._parsed_resources.pop(logical_id, None)

    def _gone(self, known: Made) -> Iterator[None]:
        if not isinstance(known.record, Resource):
            return
        ends = time.monotonic() + LONGEST_S
        while not known.record.is_gone(self.api):
            if time.monotonic() > ends:
                raise Refused(f"it was still there after {LONGEST_S:.0f} s")
            yield

    def _is_wanted(self, logical_id: str) -> bool:
        condition = self.map._resource_json_map[logical_id].get("Condition")
        return condition is None or bool(self.map.lazy_condition_map[condition])

    def _failed(self, logical_id: str, kind: str, status: str, cause: Exception) -> Failure:
        reason = str(getattr(cause, "message", None) or cause) or type(cause).__name__
        self._event(logical_id, kind, status, f"{reason} (the embedded cloud, {type(cause).__name__})")
        return Failure(logical_id, reason)

    def _event(self, logical_id: str, kind: str, status: str, reason: str | None = None) -> None:
        known = self.stack.made.get(logical_id)
        event = Event(
            stack_id=self.stack.stack_id,
            stack_name=self.stack.name,
            logical_resource_id=logical_id,
            physical_resource_id=str(known.record.physical_resource_id) if known else "",
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
        self.stack.events.append(event)
        del self.stack.events[:-KEPT_EVENTS]

    def _stack(self, status: str, reason: str | None = None) -> None:
        self.stack.status = status
        self.stack.stack_status_reason = reason
        self.stack._add_stack_event(status, resource_status_reason=reason)


def retyped(template: Template, before: Mapping[str, Made]) -> tuple[str, ...]:
    """Logical ids under which `template` has another type than what was made: an update that AWS refuses."""
    resources = template["Resources"]
    return tuple(name for name, known in before.items() if name in resources and resources[name]["Type"] != known.kind)


def drive(steps: Iterator[None], finished: Callable[[], None] = lambda: None) -> None:
    """Run `steps` to their end: now as far as they go, then from the event loop. Without a loop, what waits fails."""
    for _ in steps:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise Refused("something is still on its way out, and there is no event loop to wait for it in") from None
        loop.call_later(PAUSE_S, _resume, steps, finished)
        return
    finished()


def _resume(steps: Iterator[None], finished: Callable[[], None]) -> None:
    drive(steps, finished)
    for listener in tuple(progress.listeners):
        listener()
