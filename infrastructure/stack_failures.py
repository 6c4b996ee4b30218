"""Why a stack failed, for a person: the resource that failed first, in the stack's own events, and the next step."""

from typing import Any


def told(client: Any, name: str, module: str, what: str) -> str:
    """Stack `name` of `module` has failed in what was last asked of it; `what` is said where its events say nothing."""
    return refused(name, module, _first_failure(client, name) or what)


def refused(name: str, module: str, why: str) -> str:
    """CloudFormation did not begin with what was asked: its events are of something earlier."""
    return (
        f"stack {name} failed: {why}. Next: correct infrastructure/modules/{module}.yaml or what it asks for, and run"
        " the command again; `cafe down` removes what was deployed"
    )


def _first_failure(client: Any, name: str) -> str | None:
    """The resource that failed first in the stack's last operation, with type and reason; the others follow from it."""
    from botocore.exceptions import ClientError

    try:
        events = _of_last_operation(client, name)
    except ClientError:
        return None
    failed = [event for event in events if event["ResourceStatus"].endswith("_FAILED") and not _is_stack(event)]
    if not failed:
        return None
    first = failed[-1]  # newest first
    reason = first.get("ResourceStatusReason", "no reason given")
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {reason}"


def _of_last_operation(client: Any, name: str) -> list[dict[str, Any]]:
    """Its events, newest first: a large stack's rollback fills more than the one page that a call gives."""
    events: list[dict[str, Any]] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            if _is_stack(event) and event.get("ResourceStatusReason") == "User Initiated":
                return events
            events.append(event)
    return events


def _is_stack(event: dict[str, Any]) -> bool:
    return bool(event["ResourceType"] == "AWS::CloudFormation::Stack")
