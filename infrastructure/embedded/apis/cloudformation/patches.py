"""Stacks on `cloudformation.engine`: rollback with reasons, updates by what resolved properties say, deletion of all.

Replaces in `moto.cloudformation` (moto 5.2): of Stack `parse_template` (a slow loader that also runs Python tags),
`_create_resource_map`, `create_resources`, `outputs`, `exports` and `stack_resources`; of CloudFormationBackend
`update_stack`, `delete_stack` and `_validate_export_uniqueness`; `clean_json` for GetAtt and GetAZs; and all of moto's
resource types by `stacks.types`. In moto a failing resource leaves half a stack and an error 500, an update can lose a
resource that has no update method, most types outlive their stack and drop most properties, and describing a
rolled-back stack creates its resources again.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from functools import partial
from typing import Any

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError

from infrastructure.embedded.stacks import engine, types
from infrastructure.embedded.stacks import template as templates
from infrastructure.embedded.stacks.engine import Work, drive
from infrastructure.embedded.stacks.errors import Refused

KEPT_STACKS = 100
"""Deleted stacks that can still be described by their id."""
_SHOWN = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "UPDATE_IN_PROGRESS")
_on_failure: ContextVar[str] = ContextVar("on_failure", default="ROLLBACK")
_moto_clean_json = parsing.clean_json
_moto_create_stack = responses.CloudFormationResponse.create_stack
_moto_create_resource_map = models.Stack._create_resource_map  # replaced here, and called below


def _parse_template(text: Any) -> dict[str, Any]:
    try:
        return templates.parse(text)
    except templates.Invalid as fault:
        raise ValidationError(message=str(fault)) from fault


def _create_resource_map(stack: Any) -> Any:
    """moto's map, once the template and the parameters are known to be right."""
    stack.made = {}
    if stack.template_dict:
        _check(stack.template_dict, stack.parameters)
    return _moto_create_resource_map(stack)


def _check(template: dict[str, Any], parameters: Mapping[str, Any]) -> None:
    try:
        templates.check_form(template)
    except templates.Invalid as fault:
        raise ValidationError(message=str(fault)) from fault
    unknown = sorted({str(each["Type"]) for each in template["Resources"].values()} - set(types.BY_NAME))
    if unknown:
        raise ValidationError(
            message=f"Template format error: Unrecognized resource types: [{', '.join(unknown)}] "
            "(not provided by the embedded cloud; see PARITY.md)"
        )
    try:
        templates.check_parameters(template, parameters)
        templates.order(template)
    except templates.Invalid as fault:
        raise ValidationError(message=str(fault)) from fault


def _create_stack(response: Any) -> Any:
    """Remember what the caller wants done when a resource fails."""
    if not response._get_param("TemplateBody") and not response._get_param("TemplateURL"):
        raise ValidationError(message="Either Template URL or Template Body must be specified.")
    is_kept = response._get_bool_param("DisableRollback", False)  # moto's way to read a parameter
    token = _on_failure.set(response._get_param("OnFailure") or ("DO_NOTHING" if is_kept else "ROLLBACK"))
    try:
        return _moto_create_stack(response)
    finally:
        _on_failure.reset(token)


def _create_resources(stack: Any) -> None:
    stack.events.clear()  # moto has noted the beginning already, and so does the engine
    backend = models.cloudformation_backends[stack.account_id][stack.region_name]
    drive(Work(stack, stack.resource_map).create(_on_failure.get()), partial(_settle, backend, stack))


def _update_stack(
    backend: Any,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> Any:
    stack = backend.get_stack(name)
    if not stack.status.endswith("_COMPLETE") or stack.status.startswith(("ROLLBACK", "DELETE")):
        raise ValidationError(message=f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated.")
    wanted = backend._resolve_update_parameters(instance=stack, incoming_params=parameters)  # moto's own rule
    text = template or stack.template
    new = _parse_template(text)
    _check(new, wanted)
    retyped = engine.retyped(new, stack.made)
    if retyped:
        raise ValidationError(
            message="Update of resource type is not permitted. The new template modifies resource type of the following"
            f" resources: [{', '.join(retyped)}]"
        )
    new_map = parsing.ResourceMap(
        stack.stack_id,
        stack.name,
        wanted,
        tags if tags is not None else stack.tags,
        region_name=stack.region_name,
        account_id=stack.account_id,
        template=new,
        cross_stack_resources=backend.exports,
    )
    new_map.load()
    is_same = new == stack.template_dict and new_map.resolved_parameters == stack.resource_map.resolved_parameters
    if is_same and tags in (None, stack.tags):
        raise ValidationError(message="No updates are to be performed.")
    stack.adoption = {"template": text, "parameters": wanted, "role_arn": role_arn, "tags": tags or stack.tags}
    drive(Work(stack, new_map).update(new))
    return stack


def _adopt(stack: Any, template: dict[str, Any], resource_map: Any) -> None:
    """The update has succeeded: what it was about is now the stack's."""
    for name, value in stack.adoption.items():
        setattr(stack, name, value)
    stack.template_dict = template
    stack.description = template.get("Description")
    stack.resource_map = resource_map
    stack.output_map = stack._create_output_map()  # moto's own
    backend = models.cloudformation_backends[stack.account_id][stack.region_name]
    _withdraw_exports(backend, stack)
    backend.exports.update({export.name: export for export in stack.exports})


def _delete_stack(backend: Any, name_or_stack_id: str) -> None:
    """Delete by name or id; one that is not there, or is being deleted, is fine."""
    for stack in list(backend.stacks.values()):
        if name_or_stack_id in (stack.name, stack.stack_id) and stack.status != "DELETE_IN_PROGRESS":
            if stack.status.endswith("_IN_PROGRESS"):
                raise ValidationError(message=f"Stack [{stack.name}] cannot be deleted while in status {stack.status}")
            if stack.enable_termination_protection:
                raise ValidationError(
                    message=f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
                )
            drive(Work(stack, stack.resource_map).delete(), partial(_settle, backend, stack))


def _settle(backend: Any, stack: Any) -> None:
    """A stack that is made exports; one that is gone, as OnFailure=DELETE leaves it too, has its id only."""
    backend.exports.update({export.name: export for export in stack.exports})
    if stack.status != "DELETE_COMPLETE":
        return
    backend.stacks.pop(stack.stack_id, None)
    _withdraw_exports(backend, stack)
    backend.deleted_stacks[stack.stack_id] = stack
    while len(backend.deleted_stacks) > KEPT_STACKS:
        del backend.deleted_stacks[next(iter(backend.deleted_stacks))]


def _validate_export_uniqueness(backend: Any, stack: Any) -> None:
    """By name: what an export is worth is not known before its stack is made."""
    exported = (each["Export"]["Name"] for _, each in _declared_outputs(stack) if each.get("Export"))
    names = {_clean_json(name, stack.resource_map) for name in exported}
    if names & set(backend.exports):
        raise ValidationError(message="Export names must be unique across a given region")


def _declared_outputs(stack: Any) -> Iterable[tuple[str, Any]]:
    outputs: Mapping[str, Any] = stack.template_dict.get("Outputs") or {}
    return outputs.items()


def _exports(stack: Any) -> list[Any]:
    """Only of a stack that is there, as its outputs."""
    if stack.status not in _SHOWN:
        return []
    exported = {name: each["Export"]["Name"] for name, each in _declared_outputs(stack) if each.get("Export")}
    return [
        parsing.Export(stack.stack_id, _clean_json(exported[each.key], stack.resource_map), each.value)
        for each in stack.output_map.values()
        if each is not None and each.key in exported
    ]


def _withdraw_exports(backend: Any, stack: Any) -> None:
    for name in [name for name, export in backend.exports.items() if export.exporting_stack_id == stack.stack_id]:
        del backend.exports[name]


def _outputs(stack: Any) -> list[dict[str, Any]] | None:
    """Only of a stack that is there: resolving one creates what it refers to."""
    if stack.status not in _SHOWN:
        return None
    named = {export.value: export.name for export in stack.exports}
    return [
        {
            "OutputKey": each.key,
            "OutputValue": str(each.value),
            "Description": each.description,
            "ExportName": named.get(each.value),
        }
        for each in stack.output_map.values()
        if each is not None
    ] or None


def _stack_resources(stack: Any) -> list[Any]:
    return list(stack.made.values())


def _clean_json(value: Any, resources: Any) -> Any:
    """moto's resolver, but a dotted or unknown attribute is not dropped, and zones are those of the stack's region."""
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        name, attribute = value["Fn::GetAtt"][0], ".".join(value["Fn::GetAtt"][1:])
        resource = resources.get(name)
        if resource is None:
            raise ValidationError(
                message=f"Template error: instance of Fn::GetAtt references undefined resource {name}"
            )
        try:
            return resource.get_cfn_attribute(attribute)
        except (NotImplementedError, UnformattedGetAttTemplateException) as fault:
            raise Refused(f"the embedded cloud knows no attribute {attribute} of {name}") from fault
    if isinstance(value, dict) and "Fn::GetAZs" in value:
        region = _clean_json(value["Fn::GetAZs"], resources) or resources["AWS::Region"]
        return [f"{region}{zone}" for zone in "abcd"]
    return _moto_clean_json(value, resources)


def install() -> None:
    """Put the engine in moto's place."""
    parsing.get_model_map = lambda: types.BY_NAME
    parsing.clean_json = _clean_json
    responses.CloudFormationResponse.create_stack = _create_stack
    stack = models.Stack
    stack.parse_template = staticmethod(_parse_template)
    stack._create_resource_map = _create_resource_map  # replaced
    stack.create_resources = _create_resources
    stack.adopt = _adopt
    stack.outputs = property(_outputs)
    stack.exports = property(_exports)
    stack.stack_resources = property(_stack_resources)
    backend = models.CloudFormationBackend
    backend.update_stack = _update_stack
    backend._validate_export_uniqueness = _validate_export_uniqueness
    backend.delete_stack = _delete_stack
