"""The least a principal must be allowed to do for one experiment: by IAM, and in a Kubernetes cluster."""

import json
from collections.abc import Iterable

from plugins.chaos.fault import Call, Fault, Plan

KUBERNETES = "kubernetes:"
"""What an action begins with that IAM does not know: a role of the cluster allows it."""
_GROUPS = {"deployments": "apps"}
"""The API groups of resources; of all others the core's, which has no name."""


def policy(fault: Fault, plan: Plan | None) -> str:
    """The IAM policy as JSON: mutating calls only on the targets of `plan`, or on `*` while there is none."""
    calls = [call for call in _mutating(fault, plan) if not call.action.startswith(KUBERNETES)]
    resources = {call.resource for call in calls}
    statements = [_statement("Look", (each for each in fault.reads if not each.startswith(KUBERNETES)), {"*"})]
    for number, resource in enumerate(sorted(resources), 1):
        statements.append(_statement(f"Act{number}", (c.action for c in calls if c.resource == resource), {resource}))
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, indent=2)


def cluster_role(fault: Fault, plan: Plan | None) -> str | None:
    """What the access entry's group must be bound to in the cluster, as JSON; None for a fault that asks it nothing.

    Mutating verbs only on the objects of `plan`, or on all while there is none. Source:
    https://kubernetes.io/docs/reference/access-authn-authz/rbac/
    """
    looks = [each for each in fault.reads if each.startswith(KUBERNETES)]
    acts: dict[str, set[str]] = {}
    for call in _mutating(fault, plan):
        if call.action.startswith(KUBERNETES):
            acts.setdefault(call.action, set()).add(call.resource.rpartition("/")[2])
    if not looks and not acts:
        return None
    rules = [*(_rule(each, {"*"}) for each in looks), *(_rule(action, names) for action, names in acts.items())]
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}
    return json.dumps({**kind, "metadata": {"name": f"cafe-{fault.name}"}, "rules": rules}, indent=2)


def asks_cluster(fault: Fault) -> bool:
    """Does it call the API of the Kubernetes cluster?"""
    return any(action.startswith(KUBERNETES) for action in (*fault.reads, *fault.writes))


def _mutating(fault: Fault, plan: Plan | None) -> tuple[Call, ...]:
    return (*plan.calls, *plan.undo) if plan is not None else tuple(Call(action=action) for action in fault.writes)


def _statement(sid: str, actions: Iterable[str], resources: set[str]) -> dict[str, object]:
    return {"Sid": sid, "Effect": "Allow", "Action": sorted(set(actions)), "Resource": sorted(resources)}


def _rule(action: str, names: set[str]) -> dict[str, object]:
    verb, _, resource = action.removeprefix(KUBERNETES).partition(" ")
    rule: dict[str, object] = {"apiGroups": [_GROUPS.get(resource, "")], "resources": [resource], "verbs": [verb]}
    return rule if "*" in names else {**rule, "resourceNames": sorted(names)}
