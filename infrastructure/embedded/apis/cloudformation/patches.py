"""Stacks are those of `stacks.engine`: what moto keeps of them is not made by being looked at.

Replaces in `moto.cloudformation` (moto 5.2): of Stack `parse_template` (a slow loader that also runs Python tags),
`_create_resource_map`, `outputs`, `exports`, `stack_resources` and `parameter_list` (which echoes what is not to be
echoed); `clean_json` for GetAtt and GetAZs; how change sets are written; and all of moto's resource types by
`stacks.types`. In moto most types outlive their stack and drop most properties, and describing a rolled-back stack
creates its resources again.
"""

from typing import Any

from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import UnformattedGetAttTemplateException, ValidationError

from infrastructure.embedded.apis.cloudformation import exports
from infrastructure.embedded.stacks import template as templates
from infrastructure.embedded.stacks import types
from infrastructure.embedded.stacks.errors import Refused

_moto_clean_json = parsing.clean_json
_moto_create_resource_map = models.Stack._create_resource_map  # replaced here, and called below
_moto_add_event = models.Stack._add_stack_event  # likewise


def _parse_template(text: Any) -> dict[str, Any]:
    try:
        return templates.parse(text)
    except templates.Invalid as fault:
        raise ValidationError(message=str(fault)) from fault


def _create_resource_map(stack: Any) -> Any:
    """moto's map, of a stack in which nothing has been made yet."""
    stack.made = {}
    stack.client_request_token = None
    stack.creating = None
    return _moto_create_resource_map(stack)


def _add_stack_event(stack: Any, *given: Any, **more: Any) -> None:
    """moto's event, with the token of the call that began what it tells of."""
    _moto_add_event(stack, *given, **more)
    stack.events[-1].client_request_token = stack.client_request_token


def _outputs(stack: Any) -> list[dict[str, Any]] | None:
    """Only of a stack that is there: resolving one creates what it refers to."""
    if stack.status not in exports.SHOWN:
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


def _parameter_list(stack: Any) -> list[dict[str, str]]:
    shown = templates.shown_parameters(stack.template_dict, stack.parameters)
    return [{"ParameterKey": name, "ParameterValue": value} for name, value in shown.items()]


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
    """Replace them."""
    parsing.get_model_map = lambda: types.BY_NAME
    parsing.clean_json = _clean_json
    written = responses.CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER
    for name in [name for name in written if name.startswith("DescribeChangeSetOutput.")]:
        del written[name]  # ours are written as they are
    stack = models.Stack
    stack.parse_template = staticmethod(_parse_template)
    stack._create_resource_map = _create_resource_map  # replaced
    stack._add_stack_event = _add_stack_event  # replaced
    stack.outputs = property(_outputs)
    stack.exports = property(exports.of)
    stack.stack_resources = property(_stack_resources)
    stack.parameter_list = property(_parameter_list)
