"""Why a stack failed, for a person: the resource that failed first, in the stack's own events, and the next step."""

from itertools import takewhile
from typing import Any

_STACK = "AWS::CloudFormation::Stack"


def report(client: Any, name: str, module: str, what: str) -> str:
    """Stack `name` of `module` has failed in what was last asked of it; `what` is said where its events say nothing."""
    return report_refusal(name, module, _first_failure(client, name) or what)


def report_refusal(name: str, module: str, why: str) -> str:
    """CloudFormation did not begin with what was asked: its events are of something earlier."""
    return (
        f"stack {name} failed: {why}. Next: correct infrastructure/modules/{module}.yaml or what it asks for, and run"
        " the command again; `cafe down` removes what was deployed"
    )


def _first_failure(client: Any, name: str) -> str | None:
    """The resource that failed first in the stack's last operation, with type and reason; the others follow from it."""
    from botocore.exceptions import ClientError

    try:
        pages = client.get_paginator("describe_stack_events").paginate(StackName=name)
        events = (event for page in pages for event in page["StackEvents"])  # newest first
        failed = [event for event in takewhile(_is_of_last_operation, events) if _is_failure(event)]
    except ClientError:
        return None
    if not failed:
        return None
    first = failed[-1]
    reason = first.get("ResourceStatusReason", "no reason given")
    return f"{first['LogicalResourceId']} ({first['ResourceType']}): {reason}"


def _is_of_last_operation(event: dict[str, Any]) -> bool:
    return event["ResourceType"] != _STACK or event.get("ResourceStatusReason") != "User Initiated"


def _is_failure(event: dict[str, Any]) -> bool:
    return event["ResourceType"] != _STACK and str(event["ResourceStatus"]).endswith("_FAILED")
