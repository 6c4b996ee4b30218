"""Deploys the CloudFormation templates in order and takes them away in reverse; the same on both targets.

    absent ──create──▶ CREATE_COMPLETE ──update──▶ UPDATE_COMPLETE
                           ╲ fails: ROLLBACK_COMPLETE (empty: deleted and created anew by the next deployment)

A stack starts as soon as those it takes parameters from are done, so independent ones work side by side on AWS. One
thread does it all: CloudFormation's calls return at once, and the embedded cloud is done when they do.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from infrastructure import stack_failures, templates
from infrastructure.errors import EnvironmentFault, UsageError
from infrastructure.templates import MODULES, Template

Talk = Callable[[str], None]
"""Takes one line of progress for a person; must not raise."""

_DONE = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"})
_STEADY = _DONE | {"UPDATE_ROLLBACK_COMPLETE"}
"""States from which a stack can be updated."""
_EMPTY = frozenset({"ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"})
"""A first creation that failed: nothing is in it, and it cannot be updated, only replaced."""
_GONE = frozenset({"DELETE_COMPLETE"})
_NOTHING_TO_DO = "No updates are to be performed"
_CAPABILITIES = ["CAPABILITY_NAMED_IAM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """The outputs of all stacks in one namespace, and what was done by module: created, updated or unchanged.

    `values` are the outputs, and the parameters that all stacks were deployed with.
    """

    outputs: Mapping[str, str]
    changes: Mapping[str, str]
    values: Mapping[str, str]

    @property
    def is_new(self) -> bool:
        """Nothing was there before."""
        return set(self.changes.values()) <= {"created"}


class Supplier(Protocol):
    """Makes parameters that cannot be known before some stacks are complete: where an upload into a bucket lies."""

    @property
    def parameters(self) -> frozenset[str]:
        """What it gives. A template that takes one of these must also take the outputs the supplier needs."""
        ...

    def __call__(self, outputs: Mapping[str, str]) -> Mapping[str, str]:
        """Do what it takes, and give the values; called at most once in a deployment."""
        ...


@dataclass(slots=True, kw_only=True)
class _Work:
    """One deployment in progress."""

    client: Any
    environment: str
    given: dict[str, str]
    supplier: Supplier | None
    talk: Talk
    poll: Callable[[], None]
    outputs: dict[str, str] = field(default_factory=dict)
    done: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    started: dict[str, float] = field(default_factory=dict)
    changes: dict[str, str] = field(default_factory=dict)


def stack_name(environment: str, module: str) -> str:
    """`cafe-<environment>-<module>`."""
    return f"cafe-{environment}-{module}"


def tags(environment: str, module: str) -> dict[str, str]:
    """What every stack is tagged with, and every resource that its template can tag."""
    return {"Project": "cloudcafe", "Environment": environment, "Module": module}


def deploy(
    client: Any,
    *,
    environment: str,
    parameters: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    poll_s: float,
    talk: Talk,
    supplier: Supplier | None = None,
    pause: Callable[[float], None] = time.sleep,
    bodies: tuple[Template, ...] | None = None,
) -> Deployment:
    """Create or update every stack until all are complete; running it again changes nothing.

    A template's parameter takes its value from `overrides`, else from `parameters`, else from the `supplier`, else from
    the output of its name of an earlier stack, else its default. An override no template knows is a `UsageError`; a
    stack that fails is an `EnvironmentFault` with the resource that failed first and why. `poll_s` lies between two
    looks at a stack.
    """
    texts = templates.read_all() if bodies is None else bodies
    _check_overrides(texts, overrides or {})
    given = {**parameters, **(overrides or {})}
    poll = partial(pause, poll_s)
    work = _Work(client=client, environment=environment, given=given, supplier=supplier, talk=talk, poll=poll)
    _carry_out(work, texts)
    return Deployment(
        outputs=work.outputs, changes=work.changes, values=_values_of(work.done[text.module] for text in texts)
    )


def _carry_out(work: _Work, texts: tuple[Template, ...]) -> None:
    """Each stack as soon as those are complete whose outputs it takes."""
    by_module = {text.module: text for text in texts}
    sorter = templates.order(texts)
    sorter.prepare()
    under_way: list[str] = []
    while sorter.is_active():
        for module in sorter.get_ready():
            _start(work, by_module[module])
            under_way.append(module)
        finished = [module for module in under_way if _is_finished(work, module)]
        for module in finished:
            under_way.remove(module)
            sorter.done(module)
        if not finished:
            work.poll()


def outputs(client: Any, environment: str) -> Mapping[str, str]:
    """The outputs of all stacks of `environment`; `EnvironmentFault` names the stacks that are not complete."""
    return {name: value for stack in _complete(client, environment) for name, value in _outputs_of(stack).items()}


def values(client: Any, environment: str) -> Mapping[str, str]:
    """The parameters that all stacks were deployed with, and above them the outputs; fails as `outputs` does."""
    return _values_of(_complete(client, environment))


def _complete(client: Any, environment: str) -> list[Mapping[str, Any]]:
    """All stacks, as CloudFormation describes them."""
    found = []
    missing = []
    for module in MODULES:
        stack = _describe(client, stack_name(environment, module))
        if stack is None or stack["StackStatus"] not in _STEADY:
            missing.append(f"{module} ({'absent' if stack is None else stack['StackStatus']})")
        else:
            found.append(stack)
    if missing:
        raise EnvironmentFault(
            f"the platform of {environment!r} is not complete: {', '.join(missing)}. Complete it with: cafe up"
        )
    return found


def destroy(
    client: Any,
    environment: str,
    *,
    poll_s: float,
    talk: Talk,
    empty: Callable[[str], None],
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Delete every stack, last deployed first, each before the next. Stacks that are not there are left out.

    `empty` is called with the name of each bucket that is about to be deleted: S3 keeps one that holds objects.
    """
    poll = partial(pause, poll_s)
    for module in reversed(MODULES):
        name = stack_name(environment, module)
        stack = _settled(client, name, poll)
        if stack is not None:
            talk(f"{module}: deleting")
            for resource in resources(client, name):
                if resource["ResourceType"] == "AWS::S3::Bucket":
                    empty(resource["PhysicalResourceId"])
            _delete(client, stack, module, poll)


def resources(client: Any, name: str) -> list[Mapping[str, str]]:
    """What stack `name` holds, as ListStackResources tells it, without what was deleted from it."""
    pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
    held = (resource for page in pages for resource in page["StackResourceSummaries"])
    return [resource for resource in held if resource["ResourceStatus"] not in _GONE]


def _check_overrides(texts: Iterable[Template], overrides: Mapping[str, str]) -> None:
    known = {parameter for text in texts for parameter in text.parameters}
    unknown = sorted(set(overrides) - known)
    if unknown:
        raise UsageError(f"no template has a parameter {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def _start(work: _Work, text: Template) -> None:
    """Ask for `text` to be created, replaced or updated, whichever its stack's state calls for."""
    values = _values(text, work)
    work.started[text.module] = time.monotonic()
    stack = _settled(work.client, stack_name(work.environment, text.module), work.poll)
    if stack is not None and stack["StackStatus"] in _EMPTY:
        _delete(work.client, stack, text.module, work.poll)
        stack = None
    if stack is None:
        _ask(work, text, values, work.client.create_stack, OnFailure="ROLLBACK")
        work.changes[text.module] = "created"
    else:
        is_same = _is_as_asked(work.client, stack, text, values)
        is_updated = not is_same and _ask(work, text, values, work.client.update_stack)
        work.changes[text.module] = "updated" if is_updated else "unchanged"


def _values(text: Template, work: _Work) -> dict[str, str]:
    """Its parameters. The supplier works before the first stack that needs it; what it gives counts as given."""
    if work.supplier is not None and work.supplier.parameters & set(text.parameters):
        work.given = {**work.supplier(work.outputs), **work.given}
        work.supplier = None
    values = {}
    for parameter, default in text.parameters.items():
        value = work.given.get(parameter, work.outputs.get(parameter, default))
        if value is None:
            raise UsageError(
                f"template {text.module} needs a value for its parameter {parameter}: no earlier stack has an output of"
                " that name, the environment does not set it, and it has no default"
            )
        values[parameter] = value
    return values


def _ask(work: _Work, text: Template, values: Mapping[str, str], call: Callable[..., Any], **more: str) -> bool:
    """Make the call; False where CloudFormation sees nothing to do, `EnvironmentFault` with its words if it refuses."""
    from botocore.exceptions import ClientError

    name = stack_name(work.environment, text.module)
    try:
        call(
            StackName=name,
            TemplateBody=text.body,
            Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()],
            Capabilities=_CAPABILITIES,
            Tags=[{"Key": key, "Value": value} for key, value in tags(work.environment, text.module).items()],
            **more,
        )
    except ClientError as refusal:
        if _NOTHING_TO_DO in str(refusal):
            return False
        raise EnvironmentFault(stack_failures.report_refusal(name, text.module, str(refusal))) from refusal
    return True


def _is_finished(work: _Work, module: str) -> bool:
    """Is the stack complete? Then its outputs are taken; a failed one is an `EnvironmentFault`."""
    name = stack_name(work.environment, module)
    stack = _describe(work.client, name)
    status = "DELETE_COMPLETE" if stack is None else str(stack["StackStatus"])
    if status.endswith("_IN_PROGRESS"):
        return False
    is_untouched = work.changes[module] == "unchanged" and status in _STEADY
    if stack is None or (status not in _DONE and not is_untouched):
        raise EnvironmentFault(stack_failures.report(work.client, name, module, f"the stack is {status}"))
    work.outputs.update(_outputs_of(stack))
    work.done[module] = stack
    work.talk(f"{module}: {work.changes[module]} ({time.monotonic() - work.started[module]:.1f} s)")
    return True


def _is_as_asked(client: Any, stack: Mapping[str, Any], text: Template, values: Mapping[str, str]) -> bool:
    """Is the stack complete with this very template and these very values?"""
    if stack["StackStatus"] not in _DONE:
        return False
    deployed = {item["ParameterKey"]: _flat(item["ParameterValue"]) for item in stack.get("Parameters", ())}
    if deployed != {key: _flat(value) for key, value in values.items()}:
        return False
    body = client.get_template(StackName=stack["StackName"])["TemplateBody"]
    return isinstance(body, str) and body.strip() == text.body.strip()


def _flat(value: str) -> str:
    """A parameter's value as text to compare: moto shows a list the way Python prints it, AWS with commas."""
    return value.strip("[]").replace("'", "").replace(" ", "")


def _outputs_of(stack: Mapping[str, Any]) -> dict[str, str]:
    return {item["OutputKey"]: item["OutputValue"] for item in stack.get("Outputs", ())}


def _values_of(described: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    found: dict[str, str] = {}
    outputs: dict[str, str] = {}
    for stack in described:
        found |= {item["ParameterKey"]: item["ParameterValue"] for item in stack.get("Parameters", ())}
        outputs |= _outputs_of(stack)
    return found | outputs


def _describe(client: Any, name: str) -> Mapping[str, Any] | None:
    """The stack called `name` (or with that id), None when there is none."""
    from botocore.exceptions import ClientError

    try:
        stack: Mapping[str, Any] = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError as refusal:
        if "does not exist" in str(refusal):
            return None
        raise EnvironmentFault(f"CloudFormation does not tell about stack {name}: {refusal}") from refusal
    return None if stack["StackStatus"] in _GONE else stack


def _settled(client: Any, name: str, poll: Callable[[], None]) -> Mapping[str, Any] | None:
    """The stack once nothing is under way on it: an interrupted command leaves one, and it refuses more."""
    while (stack := _describe(client, name)) is not None and stack["StackStatus"] not in _EMPTY:
        if not stack["StackStatus"].endswith("_IN_PROGRESS"):
            break
        poll()
    return stack


def _delete(client: Any, stack: Mapping[str, Any], module: str, poll: Callable[[], None]) -> None:
    """Delete it and wait until it is gone; asked by its id, under which CloudFormation still knows it then."""
    from botocore.exceptions import ClientError

    name = stack["StackName"]
    try:
        client.delete_stack(StackName=name)
    except ClientError as refusal:
        raise EnvironmentFault(
            f"stack {name} cannot be deleted: {refusal}. Next: undo what keeps it, then: cafe down"
        ) from refusal
    while (now := _describe(client, stack["StackId"])) is not None:
        if now["StackStatus"] == "DELETE_FAILED":
            raise EnvironmentFault(stack_failures.report(client, name, module, "the stack could not be deleted"))
        poll()
