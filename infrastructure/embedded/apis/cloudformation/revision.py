"""What a stack is to become: a template, its parameters and tags, read from a call and checked before anything is made.

Sources: AWS CloudFormation API Reference, CreateStack, UpdateStack, CreateChangeSet; User Guide, "Acknowledging IAM
resources in CloudFormation templates" and "CloudFormation quotas".
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from moto.cloudformation import parsing
from moto.core.exceptions import ServiceException

from infrastructure.embedded.gateway.operations import Members
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.moto import imports
from infrastructure.embedded.stacks import engine, types
from infrastructure.embedded.stacks import template as templates
from infrastructure.embedded.stacks.template import Template

Stack = Any  # moto's stack and back end, which publish no types
Backend = Any

BODY_LIMIT = 51_200
"""Bytes of a template that comes with the call."""
OBJECT_LIMIT = 1_000_000
"""Bytes of a template in a bucket."""
NO_UPDATES = "No updates are to be performed."
_NAMED = {
    "AWS::IAM::Group": "GroupName",
    "AWS::IAM::InstanceProfile": "InstanceProfileName",
    "AWS::IAM::ManagedPolicy": "ManagedPolicyName",
    "AWS::IAM::Role": "RoleName",
    "AWS::IAM::User": "UserName",
}
"""Types whose custom names ask for CAPABILITY_NAMED_IAM, by the property that names them."""
_UNNAMED = ("AWS::IAM::AccessKey", "AWS::IAM::Policy", "AWS::IAM::UserToGroupAddition")
_UNSEEN = ("AWSTemplateFormatVersion", "Description", "Metadata")
"""Sections of a template whose change is no update."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A template as it was given and as it is read, with what goes with it; `tags` and the rest None: as they were."""

    text: str
    template: Template
    parameters: Mapping[str, str]
    tags: Mapping[str, str] | None = None
    role_arn: str | None = None
    notification_arns: tuple[str, ...] | None = None

    def map(self, backend: Backend, stack: Stack) -> Any:
        """moto's map of the stack's names and what they stand for, once it is as this says."""
        made = parsing.ResourceMap(
            stack.stack_id,
            stack.name,
            dict(self.parameters),
            dict(stack.tags if self.tags is None else self.tags),
            region_name=stack.region_name,
            account_id=stack.account_id,
            template=self.template,
            cross_stack_resources=backend.exports,
        )
        made.load()
        return made

    def shown_parameters(self) -> dict[str, str]:
        """By name, as descriptions show them: those that are not to be echoed are masked."""
        return templates.shown_parameters(self.template, self.parameters)


def read(backend: Backend, given: Members, stack: Stack | None) -> Revision:
    """What a call asks `stack` to become, None for a new one; `Refused` when that cannot be."""
    text = text_of(backend, given, None if stack is None else stack.template)
    template = parsed(text)
    check(template)
    require_capabilities(template, given.get("Capabilities", ()))
    parameters = _parameters(given.get("Parameters", ()), stack)
    try:
        templates.check_parameters(template, parameters)
    except templates.Invalid as fault:
        raise invalid(str(fault)) from fault
    tags = {each["Key"]: each["Value"] for each in given["Tags"]} if given.get("Tags") else None
    arns = tuple(given["NotificationARNs"]) if given.get("NotificationARNs") else None
    return Revision(
        text=text,
        template=template,
        parameters=parameters,
        tags=tags,
        role_arn=given.get("RoleARN"),
        notification_arns=arns,
    )


def require_change(backend: Backend, stack: Stack, revision: Revision) -> None:
    """`Refused` when nothing would be another, or a resource would be of another type."""
    retyped = engine.retyped(revision.template, stack.made)
    if retyped:
        raise invalid(
            "Update of resource type is not permitted. The new template modifies resource type of the following"
            f" resources: [{', '.join(retyped)}]"
        )
    is_same = _seen(revision.template) == _seen(stack.template_dict)
    parameters = revision.map(backend, stack).resolved_parameters
    if is_same and parameters == stack.resource_map.resolved_parameters and revision.tags in (None, stack.tags):
        raise invalid(NO_UPDATES)


def _seen(template: Template) -> Template:
    return {name: section for name, section in template.items() if name not in _UNSEEN}


# --- the template -----------------------------------------------------------------------------------------------------


def text_of(backend: Backend, given: Members, standing: str | None) -> str:
    """The template that a call brings, names the place of, or leaves as it is (`standing`)."""
    ways = [name for name in ("TemplateBody", "TemplateURL", "UsePreviousTemplate") if given.get(name)]
    if not ways or (ways == ["UsePreviousTemplate"] and standing is None):
        raise invalid("Either Template URL or Template Body must be specified.")
    if len(ways) > 1:
        raise invalid(f"You cannot specify more than one of {', '.join(ways)}.")
    if standing is not None and ways == ["UsePreviousTemplate"]:
        return standing
    if ways == ["TemplateURL"]:
        return _fetched(backend, given["TemplateURL"])
    body = str(given["TemplateBody"])
    if len(body.encode()) > BODY_LIMIT:
        raise invalid(
            f"1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have "
            f"length less than or equal to {BODY_LIMIT}"
        )
    return body


def _fetched(backend: Backend, url: str) -> str:
    """The object at an S3 URL, with its bucket in the host's name or, as at a local endpoint, in the path."""
    parts = urlsplit(url)
    host, path = parts.hostname or "", unquote(parts.path).lstrip("/")
    is_virtual = ".s3" in host and not host.startswith("s3")
    bucket, _, key = (host.partition(".s3")[0], "", path) if is_virtual else path.partition("/")
    try:
        found = imports.backend("s3", account=backend.account_id, region="aws").get_object(bucket, key)
    except ServiceException:
        found = None
    if found is None:
        raise invalid("S3 error: Access Denied")
    content: bytes = found.value
    if len(content) > OBJECT_LIMIT:
        raise invalid(f"Template may not exceed {OBJECT_LIMIT} bytes in size.")
    return content.decode()


def parsed(text: str) -> Template:
    """The template in `text`."""
    try:
        return templates.parse(text)
    except templates.Invalid as fault:
        raise invalid(str(fault)) from fault


def check(template: Template) -> None:
    """`Refused` when the template is not one that can be carried out here."""
    if template.get("Transform"):
        raise unsupported(f"transforms ({', '.join(transforms(template))})")
    try:
        templates.check_form(template)
    except templates.Invalid as fault:
        raise invalid(str(fault)) from fault
    unknown = sorted({str(each["Type"]) for each in template["Resources"].values()} - set(types.BY_NAME))
    if unknown:
        raise invalid(
            f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] "
            "(not provided by the embedded cloud; see PARITY.md)"
        )
    try:
        templates.order(template)
    except templates.Invalid as fault:
        raise invalid(str(fault)) from fault


def transforms(template: Template) -> list[str]:
    """The macros that a template declares."""
    declared = template.get("Transform") or []
    return [str(each) for each in (declared if isinstance(declared, list) else [declared])]


# --- capabilities -----------------------------------------------------------------------------------------------------


def capabilities(template: Template) -> tuple[str, tuple[str, ...]]:
    """The capability that a template needs, empty for none, and the resource types it needs it for."""
    declared = [each for each in template["Resources"].values() if each["Type"] in (*_NAMED, *_UNNAMED)]
    named = [each for each in declared if _NAMED.get(each["Type"]) in (each.get("Properties") or {})]
    if not declared:
        return "", ()
    return "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM", tuple(sorted({each["Type"] for each in declared}))


def require_capabilities(template: Template, given: Iterable[str]) -> None:
    """`Refused` when the caller has not acknowledged what the template does to IAM."""
    needed, _ = capabilities(template)
    if needed and needed not in given and not (needed == "CAPABILITY_IAM" and "CAPABILITY_NAMED_IAM" in given):
        raise Refused("InsufficientCapabilitiesException", f"Requires capabilities : [{needed}]")


# --- parameters -------------------------------------------------------------------------------------------------------


def _parameters(given: Iterable[Mapping[str, Any]], stack: Stack | None) -> dict[str, str]:
    """By name; "use the previous value" counts for a default of the previous template too."""
    found: dict[str, str] = {}
    for each in given:
        name = each.get("ParameterKey", "")
        previous = each.get("UsePreviousValue")
        if previous and each.get("ParameterValue"):
            raise invalid(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true and non empty value "
                "for a parameter"
            )
        if not previous:
            found[name] = str(each.get("ParameterValue", ""))
            continue
        declared = {} if stack is None else (stack.template_dict.get("Parameters") or {})
        if stack is None or name not in declared:
            raise invalid(
                f"Invalid input for parameter key {name}. Cannot specify usePreviousValue as true for a parameter key "
                "not in the previous template"
            )
        found[name] = templates.value_of(declared[name], stack.parameters.get(name))
    return found


def invalid(message: str) -> Refused:
    """CloudFormation's error for what is wrong with a request."""
    return Refused("ValidationError", message)
