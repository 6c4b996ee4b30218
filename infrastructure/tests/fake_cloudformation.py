"""CloudFormation as far as `stacks` talks to it, one scripted status at a time."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError


class FakeCloudFormation:
    """`script[stack]` are the states it goes through after a call, one a look; its last one stays."""

    def __init__(self, script: dict[str, list[str]] | None = None) -> None:
        self.calls: list[str] = []
        self.stacks: dict[str, dict[str, Any]] = {}
        self.resources: dict[str, list[tuple[str, str, str]]] = {}
        self.events: dict[str, list[dict[str, str]]] = {}
        self.protected: set[str] = set()
        self._script = {name: list(states) for name, states in (script or {}).items()}

    def put(self, name: str, status: str) -> None:
        """A stack that is there before the test begins."""
        self.stacks[name] = {"StackName": name, "StackId": name, "StackStatus": status, "Parameters": [], "Outputs": []}

    def create_stack(self, **request: Any) -> None:
        self.calls.append(f"create {request['StackName']}")
        self.put(request["StackName"], "CREATE_COMPLETE")
        self._take(request)

    def update_stack(self, **request: Any) -> None:
        name = request["StackName"]
        self.calls.append(f"update {name}")
        if self._script.get(name) == ["NOTHING"]:
            raise _refusal("No updates are to be performed.")
        self.stacks[name]["StackStatus"] = "UPDATE_COMPLETE"
        self._take(request)

    def delete_stack(self, *, StackName: str) -> None:  # noqa: N803 - the API's spelling
        self.calls.append(f"delete {StackName}")
        if StackName in self.protected:
            raise _refusal(f"Stack [{StackName}] cannot be deleted while TerminationProtection is enabled")
        if not self._script.get(StackName):
            del self.stacks[StackName]

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - the API's spelling
        if StackName not in self.stacks:
            raise _refusal(f"Stack with id {StackName} does not exist")
        stack = self.stacks[StackName]
        states = self._script.get(StackName)
        if states and states != ["NOTHING"]:
            stack["StackStatus"] = states.pop(0) if len(states) > 1 else states[0]
        return {"Stacks": [dict(stack)]}

    def get_template(self, *, StackName: str) -> dict[str, str]:  # noqa: N803 - the API's spelling
        return {"TemplateBody": self.stacks[StackName]["body"]}

    def get_paginator(self, operation: str) -> "_Pages":
        return _Pages({"list_stack_resources": self._resources, "describe_stack_events": self._events}[operation])

    def _resources(self, name: str) -> list[dict[str, Any]]:
        """One page: type, name and status of each of `resources`."""
        keys = ("ResourceType", "PhysicalResourceId", "ResourceStatus")
        found = self.resources.get(name, [])
        return [{"StackResourceSummaries": [dict(zip(keys, each, strict=True)) for each in found]}]

    def _events(self, name: str) -> list[dict[str, Any]]:
        """Pages of two."""
        found = self.events.get(name, [])
        return [{"StackEvents": found[first : first + 2]} for first in range(0, len(found), 2)]

    def fails(self, name: str, resource: str, reason: str) -> None:
        """Events of a creation in which `resource` failed first, and another was cancelled for it. Newest first."""

        def event(logical: str, kind: str, status: str, why: str) -> dict[str, str]:
            return {
                "LogicalResourceId": logical,
                "ResourceType": kind,
                "ResourceStatus": status,
                "ResourceStatusReason": why,
                "Timestamp": datetime.now(UTC).isoformat(),
            }

        self.events[name] = [
            event(name, "AWS::CloudFormation::Stack", "ROLLBACK_COMPLETE", ""),
            event("Other", "AWS::SQS::Queue", "CREATE_FAILED", "Resource creation cancelled"),
            event(resource, "AWS::SQS::Queue", "CREATE_FAILED", reason),
            event(name, "AWS::CloudFormation::Stack", "CREATE_IN_PROGRESS", "User Initiated"),
            event("Older", "AWS::SQS::Queue", "CREATE_FAILED", "of an earlier attempt"),
        ]

    def _take(self, request: dict[str, Any]) -> None:
        stack = self.stacks[request["StackName"]]
        stack["Parameters"] = request["Parameters"]
        stack["body"] = request["TemplateBody"]


class _Pages:
    """A paginator."""

    def __init__(self, pages: Callable[[str], list[dict[str, Any]]]) -> None:
        self._pages = pages

    def paginate(self, *, StackName: str) -> list[dict[str, Any]]:  # noqa: N803 - the API's spelling
        return self._pages(StackName)


def _refusal(message: str) -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "Operation")
