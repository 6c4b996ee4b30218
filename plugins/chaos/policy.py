"""The least an IAM principal must be allowed to do for one experiment: as a policy document."""

import json
from collections.abc import Iterable

from plugins.chaos.fault import Call, Fault, Plan


def policy(fault: Fault, plan: Plan | None) -> str:
    """The policy as JSON: mutating calls only on the targets of `plan`, or on `*` while there is none."""
    calls = (*plan.calls, *plan.undo) if plan is not None else tuple(Call(action=action) for action in fault.writes)
    resources = {call.resource for call in calls}
    statements = [_statement("Look", fault.reads, {"*"})]
    for number, resource in enumerate(sorted(resources), 1):
        statements.append(_statement(f"Act{number}", (c.action for c in calls if c.resource == resource), {resource}))
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def _statement(sid: str, actions: Iterable[str], resources: set[str]) -> dict[str, object]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions)), "Resource": sorted(resources)}
