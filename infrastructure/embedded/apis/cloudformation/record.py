"""The stacks: moto's records, entered and left by the engine's work on them."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from moto.cloudformation import models
from moto.cloudformation.utils import generate_stack_id

from infrastructure.embedded.apis.cloudformation.exports import exported_names
from infrastructure.embedded.apis.cloudformation.revision import Revision, invalid, require_change
from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.stacks.engine import Work, drive

Stack = Any  # moto's stack and back end, which publish no types
Backend = Any

KEPT_STACKS = 100
"""Deleted stacks that can still be described by their id."""
REVIEW = "REVIEW_IN_PROGRESS"
"""The state of a stack of which there is a change set alone."""
_CREATING = "CREATE_IN_PROGRESS"


class Stacks:
    """Those of one moto back end."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def find(self, name: str) -> Stack | None:
        """The stack of that name or id that is not deleted; None when there is none."""
        standing = self._backend.stacks.values()
        return next((stack for stack in standing if name in (stack.name, stack.stack_id)), None)

    def standing(self, name: str) -> Stack:
        """The stack of that name or id; `Refused` when there is none."""
        found = self.find(name)
        if found is None:
            raise invalid(f"Stack [{name}] does not exist")
        return found

    def add(self, name: str, revision: Revision) -> Stack:
        """A stack with nothing in it yet."""
        account, region = self._backend.account_id, self._backend.region_name
        stack = models.Stack(
            stack_id=generate_stack_id(name, region, account),
            name=name,
            template={},
            parameters={},
            account_id=account,
            region_name=region,
            cross_stack_resources=self._backend.exports,
            tags=dict(revision.tags or {}),
        )
        stack.status = REVIEW
        self._backend.stacks[stack.stack_id] = stack
        return stack

    def create(
        self, stack: Stack, revision: Revision, on_failure: str, done: Callable[[], None] = lambda: None
    ) -> None:
        """Make what `revision` says; what happens when a resource fails `on_failure` says."""
        resources = revision.map(self._backend, stack)
        _take(stack, revision, resources)
        self._require_own_exports(stack)
        stack.creating = drive(Work(stack, resources).create(on_failure), partial(self._settle, stack, done))

    def update(self, stack: Stack, revision: Revision, done: Callable[[], None] = lambda: None) -> None:
        """Change the stack into what `revision` says; `Refused` when it cannot be changed now, or would not."""
        require_updatable(stack)
        require_change(self._backend, stack, revision)
        stack.last_updated_time = datetime.now(UTC)
        stack.adopt = partial(self._adopt, stack, revision)
        drive(Work(stack, revision.map(self._backend, stack)).update(revision.template), done)

    def delete(self, stack: Stack) -> None:
        """Delete everything in it; one that is being deleted is left to it, one that is being made is not made on."""
        if stack.status == "DELETE_IN_PROGRESS":
            return
        if stack.status.endswith("_IN_PROGRESS") and stack.status not in (REVIEW, _CREATING):
            raise invalid(f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
        if stack.enable_termination_protection:
            raise invalid(f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled")
        if stack.status == _CREATING:
            stack.creating.cancel()
        drive(Work(stack, stack.resource_map).delete(), partial(self._settle, stack, lambda: None))

    def _adopt(self, stack: Stack, revision: Revision, _template: Mapping[str, Any], resources: Any) -> None:
        """The update has succeeded: what it was about is now the stack's."""
        _take(stack, revision, resources)
        self._withdraw_exports(stack)
        self._backend.exports.update({export.name: export for export in stack.exports})

    def _settle(self, stack: Stack, done: Callable[[], None]) -> None:
        """A stack that is made exports; one that is gone, as OnFailure=DELETE leaves it too, has its id only."""
        backend = self._backend
        backend.exports.update({export.name: export for export in stack.exports})
        done()
        if stack.status != "DELETE_COMPLETE":
            return
        backend.stacks.pop(stack.stack_id, None)
        self._withdraw_exports(stack)
        backend.deleted_stacks[stack.stack_id] = stack
        while len(backend.deleted_stacks) > KEPT_STACKS:
            del backend.deleted_stacks[next(iter(backend.deleted_stacks))]

    def _require_own_exports(self, stack: Stack) -> None:
        """By name: what an export is worth is not known before its stack is made."""
        if exported_names(stack) & set(self._backend.exports):
            raise invalid("Export names must be unique across a given region")

    def _withdraw_exports(self, stack: Stack) -> None:
        exports = self._backend.exports
        for name in [name for name, export in exports.items() if export.exporting_stack_id == stack.stack_id]:
            del exports[name]


def require_updatable(stack: Stack) -> None:
    """`Refused` when the stack is in a state in which it cannot be updated."""
    if not stack.status.endswith("_COMPLETE") or stack.status.startswith(("ROLLBACK", "DELETE")):
        raise invalid(f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")


def _take(stack: Stack, revision: Revision, resources: Any) -> None:
    """What the revision says is now the stack's."""
    stack.template, stack.template_dict = revision.text, revision.template
    stack.description = revision.template.get("Description")
    stack.parameters = dict(revision.parameters)
    stack.role_arn = revision.role_arn or stack.role_arn
    if revision.tags is not None:
        stack.tags = dict(revision.tags)
    if revision.notification_arns is not None:
        stack.notification_arns = list(revision.notification_arns)
    stack.resource_map = resources
    stack.output_map = stack._create_output_map()  # moto's own


def already_exists(name: str, what: str = "Stack") -> Refused:
    """The refusal of a second one of that name."""
    return Refused("AlreadyExistsException", f"{what} [{name}] already exists")
