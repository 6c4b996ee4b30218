"""Change sets: what a stack's next template would do, told before it is done, and then done or not.

    CREATE_COMPLETE, AVAILABLE ─▶ EXECUTE_IN_PROGRESS ─▶ EXECUTE_COMPLETE, or EXECUTE_FAILED
    FAILED, UNAVAILABLE: nothing would change, or it cannot be told what

One is complete when the call that creates it returns. Executing one, and updating or deleting its stack, takes the
stack's others away. Source: AWS CloudFormation User Guide, "Update stacks using change sets".
"""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

from infrastructure.embedded.apis.cloudformation import revision as revisions
from infrastructure.embedded.apis.cloudformation.record import REVIEW, Stacks, already_exists, require_updatable
from infrastructure.embedded.apis.cloudformation.revision import NO_UPDATES, Revision, invalid
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.stacks import changes as differences
from infrastructure.embedded.stacks.changes import Change

Stack = Any  # moto's stack and back end, which publish no types
Backend = Any

NOTHING = "The submitted information didn't contain changes. Submit different information to create a change set."
_NOT_HERE = ("DeploymentConfig", "DeploymentMode", "ImportExistingResources", "ResourcesToImport")


@dataclass(slots=True, kw_only=True, eq=False)
class ChangeSet:
    """One of a stack; `reason` says why it failed."""

    arn: str
    name: str
    stack: Stack
    is_first: bool
    """Whether it makes its stack."""
    revision: Revision
    given: Members
    changes: tuple[Change, ...] = ()
    status: str = "CREATE_COMPLETE"
    execution: str = "AVAILABLE"
    reason: str | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def fail(self, reason: str) -> None:
        """It can only be deleted."""
        self.status, self.execution, self.reason = "FAILED", "UNAVAILABLE", reason

    def summary(self) -> dict[str, Any]:
        """What lists and descriptions have in common, as AWS names it."""
        return {
            "ChangeSetId": self.arn,
            "ChangeSetName": self.name,
            "CreationTime": self.created_at,
            "Description": self.given.get("Description"),
            "ExecutionStatus": self.execution,
            "IncludeNestedStacks": False,
            "StackId": self.stack.stack_id,
            "StackName": self.stack.name,
            "Status": self.status,
            "StatusReason": self.reason,
        }


class ChangeSets:
    """The operations on them."""

    def __init__(self, backend: Backend, stacks: Stacks) -> None:
        self._backend = backend
        self._stacks = stacks
        self._sets: dict[str, ChangeSet] = {}

    @operation("CreateChangeSet", effect="what would change, resource by resource; nothing is made")
    def _create(self, given: Members) -> Output:
        kind = given.get("ChangeSetType", "UPDATE")
        asked = [name for name in _NOT_HERE if given.get(name)]
        if kind == "IMPORT" or asked:
            raise unsupported(f"change sets with {asked[0] if asked else 'imports'}")
        stack = self._about(given, is_first=kind == "CREATE")
        wanted = revisions.read(self._backend, given, stack)
        if stack is not None and any(each.name == given["ChangeSetName"] for each in self._of(stack)):
            raise already_exists(given["ChangeSetName"], "ChangeSet")
        made = ChangeSet(
            arn=self._arn(given["ChangeSetName"]),
            name=given["ChangeSetName"],
            stack=stack if stack is not None else self._reviewed(given["StackName"], wanted),
            is_first=kind == "CREATE",
            revision=wanted,
            given=given,
        )
        self._tell(made)
        self._sets[made.arn] = made
        return {"Id": made.arn, "StackId": made.stack.stack_id}

    def _about(self, given: Members, *, is_first: bool) -> Stack | None:
        """The stack it is about; None for one that is still to be entered."""
        name = given["StackName"]
        if not is_first:
            stack = self._stacks.standing(name)
            require_updatable(stack)
            return stack
        found = self._stacks.find(name)
        if found is not None and found.status != REVIEW:
            text = f"Stack [{name}] already exists and cannot be created again with the changeSet"
            raise invalid(f"{text} [{given['ChangeSetName']}].")
        return found

    def _reviewed(self, name: str, wanted: Revision) -> Stack:
        stack = self._stacks.add(name, wanted)
        stack._add_stack_event(REVIEW, "User Initiated")  # moto's own
        return stack

    def _arn(self, name: str) -> str:
        place = f"{self._backend.region_name}:{self._backend.account_id}"
        return f"arn:aws:cloudformation:{place}:changeSet/{name}/{uuid.uuid4()}"

    def _tell(self, made: ChangeSet) -> None:
        """Find out what would change."""
        stack = made.stack
        try:
            if not made.is_first:
                revisions.require_change(self._backend, stack, made.revision)
            resources = made.revision.map(self._backend, stack)
            made.changes = differences.between(
                stack.made, stack.template_dict, stack.resource_map, made.revision.template, resources
            )
        except Exception as fault:  # noqa: BLE001  whatever it was is why the change set failed, as on AWS
            message = str(getattr(fault, "message", None) or fault)
            made.fail(NOTHING if message == NO_UPDATES else message)

    @operation("DescribeChangeSet")
    def _describe(self, given: Members) -> Output:
        if given.get("NextToken"):
            raise invalid("The next token is invalid")  # all changes are told at once
        found = self.find(given["ChangeSetName"], given.get("StackName"))
        has_values = bool(given.get("IncludePropertyValues"))
        stack, wanted = found.stack, found.revision
        tags = stack.tags if wanted.tags is None else wanted.tags
        return {
            **found.summary(),
            "Capabilities": list(found.given.get("Capabilities", ())),
            "Changes": [_told(each, has_values=has_values) for each in found.changes],
            "NotificationARNs": list(wanted.notification_arns or stack.notification_arns),
            "OnStackFailure": found.given.get("OnStackFailure"),
            "Parameters": [
                {"ParameterKey": name, "ParameterValue": value} for name, value in wanted.shown_parameters().items()
            ],
            "RollbackConfiguration": {},
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
        }

    @operation("ListChangeSets")
    def _list(self, given: Members) -> Output:
        stack = self._stacks.standing(given["StackName"])
        return {"Summaries": [each.summary() for each in self._of(stack)]}

    @operation("ExecuteChangeSet", effect="the stack is created or updated as the change set says")
    def _execute(self, given: Members) -> Output:
        found = self.find(given["ChangeSetName"], given.get("StackName"))
        if found.execution != "AVAILABLE":
            state = found.execution if found.status == "CREATE_COMPLETE" else found.status
            raise _bad_state(found, f"cannot be executed in its current status of [{state}]")
        failure = found.given.get("OnStackFailure")
        is_kept = bool(given.get("DisableRollback")) or failure == "DO_NOTHING"
        if is_kept and not found.is_first:
            raise unsupported("updates without rollback")
        stack = found.stack
        stack.client_request_token = given.get("ClientRequestToken")
        stack.change_set_id = found.arn
        done = partial(_executed, found)
        if found.is_first:
            self._stacks.create(stack, found.revision, "DO_NOTHING" if is_kept else failure or "ROLLBACK", done)
        else:
            self._stacks.update(stack, found.revision, done)
        if found.execution == "AVAILABLE":
            found.execution = "EXECUTE_IN_PROGRESS"
        self.forget(stack, but=found)
        return {}

    @operation("DeleteChangeSet", effect="it cannot be executed any more")
    def _delete(self, given: Members) -> Output:
        try:
            found = self.find(given["ChangeSetName"], given.get("StackName"))
        except Refused as refused:
            if refused.code != "ChangeSetNotFound":
                raise
            return {}  # as on AWS, it is gone already
        if found.execution == "EXECUTE_IN_PROGRESS":
            raise _bad_state(found, f"cannot be deleted in its current status of [{found.execution}]")
        del self._sets[found.arn]
        return {}

    def find(self, name: str, stack_name: str | None) -> ChangeSet:
        """The change set of that ARN, or of that name of the stack; `Refused` when there is none."""
        if not name.startswith("arn:"):
            if not stack_name:
                raise invalid("StackName must be specified if ChangeSetName is not specified as an ARN.")
            stack = self._stacks.standing(stack_name)
            found = next((each for each in self._of(stack) if each.name == name), None)
        else:
            found = self._sets.get(name)
        if found is None:
            raise Refused("ChangeSetNotFound", f"ChangeSet [{name}] does not exist", status=404)
        return found

    def forget(self, stack: Stack, but: ChangeSet | None = None) -> None:
        """What the stack was to become by its other change sets is out of date."""
        for each in [each for each in self._of(stack) if each is not but]:
            del self._sets[each.arn]

    def _of(self, stack: Stack) -> Iterable[ChangeSet]:
        return tuple(each for each in self._sets.values() if each.stack is stack)


def _executed(found: ChangeSet) -> None:
    is_done = found.stack.status in ("CREATE_COMPLETE", "UPDATE_COMPLETE")
    found.execution = "EXECUTE_COMPLETE" if is_done else "EXECUTE_FAILED"


def _told(change: Change, *, has_values: bool) -> dict[str, Any]:
    told = change.told()
    if not has_values:
        for name in ("BeforeContext", "AfterContext"):
            told.pop(name, None)
    return {"Type": "Resource", "ResourceChange": told}


def _bad_state(found: ChangeSet, what: str) -> Refused:
    return Refused("InvalidChangeSetStatus", f"ChangeSet [{found.arn}] {what}")
