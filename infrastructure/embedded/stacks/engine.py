"""Creates, changes and deletes the resources of a stack in order, and takes back what it did when one of them fails.

    CREATE_IN_PROGRESS ─▶ CREATE_COMPLETE          UPDATE_IN_PROGRESS ─▶ UPDATE_COMPLETE      DELETE_IN_PROGRESS ─▶
          │ a resource fails                             │                                    DELETE_COMPLETE, or
          ▼                                              ▼                                    DELETE_FAILED
    ROLLBACK_IN_PROGRESS ─▶ ROLLBACK_COMPLETE      UPDATE_ROLLBACK_IN_PROGRESS ─▶ UPDATE_ROLLBACK_COMPLETE
    Between the last two of an update: …_CLEANUP_IN_PROGRESS, in which what was replaced or left over is deleted.
    CREATE_IN_PROGRESS ─▶ DELETE_IN_PROGRESS when it is deleted meanwhile: what is under way is cancelled.

Every step leaves an event with its reason. The operations are generators: they yield while something goes on outside (a
service that drains, a stream that is UPDATING), and `drive` takes them up again from the event loop. Source: AWS
CloudFormation User Guide, "Stack creation events", "Update behaviors of stack resources".
"""

import asyncio
import copy
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.models import Event

from infrastructure.embedded.stacks import lifecycle, progress, schemas
from infrastructure.embedded.stacks.calls import ApiCalls, CallApi
from infrastructure.embedded.stacks.errors import Refused, Unchangeable
from infrastructure.embedded.stacks.lifecycle import LONGEST_S, Place
from infrastructure.embedded.stacks.made import Made
from infrastructure.embedded.stacks.resource_type import Properties
from infrastructure.embedded.stacks.template import Template, order
from infrastructure.embedded.stacks.types import BY_NAME

Stack = Any
"""moto's stack; what is read and written of it: template_dict, resource_map, status, events, tags."""

Steps = Generator[None, None, None]
"""What is done bit by bit."""

PAUSE_S = 0.05
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
    call: CallApi = field(init=False)
    _torn: dict[str, Made] = field(init=False, default_factory=dict)
    """The resource whose update failed half-way, as one that has the properties it was to get."""

    def __post_init__(self) -> None:
        self.call = ApiCalls(self.stack.region_name)

    def create(self, on_failure: str) -> Steps:
        """Make everything; what happens otherwise `on_failure` says: ROLLBACK, DELETE or DO_NOTHING."""
        self._stack("CREATE_IN_PROGRESS", "User Initiated")
        try:
            for logical_id in order(self.stack.template_dict):
                yield from self._make(logical_id)
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

    def update(self, template: Template) -> Steps:
        """Make the stack as `template` says, which `map` belongs to; the stack adopts both once that is certain."""
        stack, before = self.stack, dict(self.stack.made)
        self._stack("UPDATE_IN_PROGRESS", "User Initiated")
        self.map._parsed_resources.update(before)
        wanted = [name for name in order(template) if self._is_wanted(name)]
        try:
            for logical_id in wanted:
                known = before.get(logical_id)
                if known is None:
                    yield from self._make(logical_id)
                else:
                    yield from self._change(logical_id, known)
        except Failure as failure:
            yield from self._undo_update(
                before, f"The following resource(s) failed to update: [{failure.logical_id}]. "
            )
            return
        gone = tuple(name for name in before if name not in wanted)
        for logical_id in wanted:  # a policy may change where no property does
            stack.made[logical_id].is_retained = self._is_retained(logical_id)
        stack.adopt(template, self.map)
        self._stack("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
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
                    yield from self._put_back(logical_id, now, known)
                except Failure:
                    status = "UPDATE_ROLLBACK_FAILED"
        if status == "UPDATE_ROLLBACK_COMPLETE":
            self._stack(f"{status}_CLEANUP_IN_PROGRESS")
        yield from self._remove_all(added, status, "UPDATE_ROLLBACK_FAILED")

    def delete(self) -> Steps:
        """Delete everything but what its DeletionPolicy retains, the last made first."""
        self._stack("DELETE_IN_PROGRESS", "User Initiated")
        yield from self._remove_all(tuple(self.stack.made), "DELETE_COMPLETE", "DELETE_FAILED")

    def _make(self, logical_id: str) -> Iterator[None]:
        if not self._is_wanted(logical_id):
            return
        kind = self.map._resource_json_map[logical_id]["Type"]
        self._event(logical_id, kind, "CREATE_IN_PROGRESS")
        try:
            properties = self._resolved(logical_id)
            schemas.check(logical_id, kind, properties)
            place = Place(logical_id=logical_id, call=self.call, region=self.stack.region_name)
            made = lifecycle.create(place, BY_NAME[kind], self._name(logical_id, properties), properties)
            self._register(made, is_retained=self._is_retained(logical_id))
            yield from lifecycle.complete(made)
        except GeneratorExit:  # the stack is deleted meanwhile
            self._event(logical_id, kind, "CREATE_FAILED", "Resource creation cancelled")
            self.stack.made[logical_id].is_unfinished = True
            raise
        except Exception as cause:  # whatever it was, it is this resource's failure
            raise self._failed(logical_id, kind, "CREATE_FAILED", cause) from cause
        self._event(logical_id, kind, "CREATE_COMPLETE")

    def _resolved(self, logical_id: str) -> Properties:
        """The properties that the template gives it, all functions resolved: what it refers to has been made."""
        declared = self.map._resource_json_map[logical_id].get("Properties", {})
        properties: Properties = copy.deepcopy(parsing.clean_json(declared, self.map))
        return properties

    def _name(self, logical_id: str, properties: Properties) -> str:
        """The name that the template gives it, or a generated one."""
        kind = BY_NAME[self.map._resource_json_map[logical_id]["Type"]]
        generated = parsing.generate_resource_name(kind.type, self.stack.name, logical_id)
        return str(properties.get(kind.name, generated))

    def _register(self, made: Made, *, is_retained: bool) -> None:
        made.is_retained = is_retained
        self.map._parsed_resources[made.logical_id] = self.stack.made[made.logical_id] = made

    def _is_retained(self, logical_id: str) -> bool:
        return bool(self.map._resource_json_map[logical_id].get("DeletionPolicy") == "Retain")

    def _change(self, logical_id: str, known: Made) -> Iterator[None]:
        try:
            properties = self._resolved(logical_id)
        except Exception as cause:  # as in _make
            raise self._failed(logical_id, known.kind.type, "UPDATE_FAILED", cause) from cause
        if properties != known.properties:
            yield from self._put(logical_id, known, properties)

    def _put_back(self, logical_id: str, now: Made, before: Made) -> Iterator[None]:
        if _is_another(before, now):
            self._register(before, is_retained=before.is_retained)
            self._clean_up(logical_id, now, before)
        else:
            yield from self._put(logical_id, now, before.properties)
        self.stack.made[logical_id].is_retained = before.is_retained

    def _clean_up(self, logical_id: str, former: Made, now: Made) -> None:
        """Delete what an update, or its rollback, has put another in the place of; a failure changes nothing else."""
        if _is_another(former, now):
            self._event(logical_id, former.kind.type, "DELETE_IN_PROGRESS")
            try:
                lifecycle.delete(former)
            except Exception as cause:  # noqa: BLE001  # as in _make; told by its event
                self._failed(logical_id, former.kind.type, "DELETE_FAILED", cause)
            else:
                self._event(logical_id, former.kind.type, "DELETE_COMPLETE")

    def _put(self, logical_id: str, known: Made, properties: Properties) -> Iterator[None]:
        """Change an existing resource to have `properties`."""
        kind, is_torn = known.kind.type, False
        self._event(logical_id, kind, "UPDATE_IN_PROGRESS")
        try:
            schemas.check(logical_id, kind, properties)
            is_torn = not lifecycle.is_replaced(known, properties)
            made = yield from lifecycle.updated(known, self._name(logical_id, properties), properties)
        except Exception as cause:  # as in _make
            if is_torn and not isinstance(cause, Unchangeable):
                self._torn[logical_id] = replace(known, properties=properties)
            raise self._failed(logical_id, kind, "UPDATE_FAILED", cause) from cause
        self._register(made, is_retained=known.is_retained)
        self._event(logical_id, kind, "UPDATE_COMPLETE")

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
            self._event(logical_id, known.kind.type, "DELETE_SKIPPED")
        else:
            self._event(logical_id, known.kind.type, "DELETE_IN_PROGRESS")
            try:
                if known.is_unfinished:
                    yield from lifecycle.rested(known)
                lifecycle.delete(known)
                yield from _gone(known)
            except Exception as cause:  # as in _make
                raise self._failed(logical_id, known.kind.type, "DELETE_FAILED", cause) from cause
            self._event(logical_id, known.kind.type, "DELETE_COMPLETE")
        del self.stack.made[logical_id]
        self.map._parsed_resources.pop(logical_id, None)

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
            physical_resource_id=str(known.physical_resource_id) if known else "",
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
        event.client_request_token = self.stack.client_request_token
        self.stack.events.append(event)
        del self.stack.events[:-KEPT_EVENTS]

    def _stack(self, status: str, reason: str | None = None) -> None:
        self.stack.status = status
        self.stack.stack_status_reason = reason
        self.stack._add_stack_event(status, resource_status_reason=reason)


def _is_another(one: Made, other: Made) -> bool:
    """Whether these are two resources, not one that was changed."""
    return one.physical_resource_id != other.physical_resource_id


def _gone(known: Made) -> Iterator[None]:
    """Yields until the deletion of a resource has come to its end."""
    ends = time.monotonic() + LONGEST_S
    while not lifecycle.is_gone(known):
        if time.monotonic() > ends:
            raise Refused(f"it was still there after {LONGEST_S:.0f} s")
        yield


def retyped(template: Template, before: Mapping[str, Made]) -> tuple[str, ...]:
    """Logical ids under which `template` has another type than what was made: an update that AWS refuses."""
    resources = template["Resources"]
    left = {name: known.kind.type for name, known in before.items() if name in resources}
    return tuple(name for name, kind in left.items() if resources[name]["Type"] != kind)


class Driven:
    """Steps that run to their end: at once as far as they go, then from the event loop; `finished` hears of the end."""

    def __init__(self, steps: Steps, finished: Callable[[], None]) -> None:
        self._steps = steps
        self._finished = finished
        self._next: asyncio.TimerHandle | None = None

    def go(self) -> None:
        """Without a loop, what waits fails."""
        for _ in self._steps:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                text = "something is still on its way out, and there is no event loop to wait for it in"
                raise Refused(text) from None
            self._next = loop.call_later(PAUSE_S, self._go_on)
            return
        self._finished()

    def cancel(self) -> None:
        """Take no step more; `finished` hears of nothing."""
        if self._next is not None:
            self._next.cancel()
        self._steps.close()

    def _go_on(self) -> None:
        self.go()
        for listener in tuple(progress.listeners):
            listener()


def drive(steps: Steps, finished: Callable[[], None] = lambda: None) -> Driven:
    """Begin with the steps; they may be cancelled until they have come to their end."""
    driven = Driven(steps, finished)
    driven.go()
    return driven
