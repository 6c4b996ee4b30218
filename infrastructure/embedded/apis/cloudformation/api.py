"""CloudFormation's calls about stacks and templates.

Source: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/
"""

import json
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.apis.cloudformation import revision
from infrastructure.embedded.apis.cloudformation.change_sets import ChangeSets
from infrastructure.embedded.apis.cloudformation.exports import imported_names
from infrastructure.embedded.apis.cloudformation.record import REVIEW, Stacks, already_exists
from infrastructure.embedded.apis.cloudformation.revision import invalid
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import unsupported
from infrastructure.embedded.stacks import template as templates
from infrastructure.embedded.stacks.template import Template


class StackCalls:
    """The operations on stacks, and those that only read a template."""

    def __init__(self, backend: Any, stacks: Stacks, change_sets: ChangeSets) -> None:
        self._backend = backend
        self._stacks = stacks
        self._change_sets = change_sets

    @operation("CreateStack", effect="its resources are made by the APIs' own calls, or rolled back with reasons")
    def _create(self, given: Members) -> Output:
        wanted = revision.read(self._backend, given, None)
        if self._stacks.find(given["StackName"]) is not None:
            raise already_exists(given["StackName"])
        if given.get("OnFailure") and given.get("DisableRollback"):
            raise invalid("You cannot specify both OnFailure and DisableRollback.")
        stack = self._stacks.add(given["StackName"], wanted)
        stack.client_request_token = given.get("ClientRequestToken")
        stack.enable_termination_protection = given.get("EnableTerminationProtection", False)
        stack.timeout_in_minutes = given.get("TimeoutInMinutes")
        stack.policy = given.get("StackPolicyBody", "")
        stack.disable_rollback = given.get("DisableRollback", False)
        kept = "DO_NOTHING" if given.get("DisableRollback") else "ROLLBACK"
        try:
            self._stacks.create(stack, wanted, given.get("OnFailure") or kept)
        except Exception:  # nothing was made: a stack that is refused is none
            if not stack.events:
                del self._backend.stacks[stack.stack_id]
            raise
        return {"StackId": stack.stack_id}

    @operation("UpdateStack", effect="what resolved properties say has changed is changed, or put back")
    def _update(self, given: Members) -> Output:
        if given.get("DisableRollback"):
            raise unsupported("updates without rollback")
        stack = self._stacks.standing(given["StackName"])
        stack.client_request_token = given.get("ClientRequestToken")
        self._stacks.update(stack, revision.read(self._backend, given, stack))
        self._change_sets.forget(stack)
        return {"StackId": stack.stack_id}

    @operation("DeleteStack", effect="its resources are deleted, the last made first; waits for services to drain")
    def _delete(self, given: Members) -> Output:
        stack = self._stacks.find(given["StackName"])
        if stack is not None:  # one that is not there is deleted already
            stack.client_request_token = given.get("ClientRequestToken")
            self._stacks.delete(stack)
            self._change_sets.forget(stack)
        return {}

    @operation("UpdateTerminationProtection", effect="DeleteStack is refused, or no more")
    def _protect(self, given: Members) -> Output:
        stack = self._stacks.standing(given["StackName"])
        stack.enable_termination_protection = given["EnableTerminationProtection"]
        return {"StackId": stack.stack_id}

    @operation("ListImports")
    def _imports(self, given: Members) -> Output:
        """The stacks whose templates import the value; `Refused` when nobody does, as on AWS."""
        name = given["ExportName"]
        users = [stack.name for stack in self._backend.stacks.values() if name in imported_names(stack)]
        if name not in self._backend.exports:
            raise invalid(f"No export named {name} found.")
        if not users:
            raise invalid(f"Export '{name}' is not imported by any stack.")
        return {"Imports": users}

    # --- templates ----------------------------------------------------------------------------------------------------

    @operation("GetTemplate")
    def _template(self, given: Members) -> Output:
        if given.get("ChangeSetName"):
            text = self._change_sets.find(given["ChangeSetName"], given.get("StackName")).revision.text
        else:
            text = self._backend.get_template(given.get("StackName"))
        return {"TemplateBody": text, "StagesAvailable": ["Original", "Processed"]}

    @operation("ValidateTemplate")
    def _validate(self, given: Members) -> Output:
        template = revision.parsed(revision.text_of(self._backend, given, None))
        revision.check(template)
        declared = _parameters(template).items()
        return {
            **_about(template),
            "Parameters": [_declaration(name, each) for name, each in declared],
        }

    @operation("GetTemplateSummary")
    def _summary(self, given: Members) -> Output:
        if given.get("StackSetName"):
            raise invalid(f"StackSet {given['StackSetName']} not found")
        name = given.get("StackName")
        stack = self._stacks.standing(name) if name else None
        if stack is not None and stack.status == REVIEW:
            raise invalid("GetTemplateSummary cannot be called on REVIEW_IN_PROGRESS stacks.")
        source = given if stack is None else {"UsePreviousTemplate": True}
        template = revision.parsed(revision.text_of(self._backend, source, None if stack is None else stack.template))
        revision.check(template)
        metadata = template.get("Metadata")
        return {
            **_about(template),
            "Parameters": [
                {
                    **_declaration(name, each),
                    "ParameterType": each.get("Type", "String"),
                    "ParameterConstraints": {
                        "AllowedValues": [templates.plain(v) for v in each.get("AllowedValues", ())]
                    },
                }
                for name, each in _parameters(template).items()
            ],
            "ResourceTypes": list(dict.fromkeys(each["Type"] for each in template["Resources"].values())),
            "Version": str(template.get("AWSTemplateFormatVersion", "2010-09-09")),
            "Metadata": None if metadata is None else json.dumps(metadata, default=str),
        }


def _parameters(template: Template) -> Mapping[str, Any]:
    return template.get("Parameters") or {}


def _about(template: Template) -> dict[str, Any]:
    needed, kinds = revision.capabilities(template)
    reason = f"The following resource(s) require capabilities: [{', '.join(kinds)}]" if needed else None
    return {
        "Description": template.get("Description"),
        "Capabilities": [needed] if needed else [],
        "CapabilitiesReason": reason,
        "DeclaredTransforms": revision.transforms(template),
    }


def _declaration(name: str, declared: Mapping[str, Any]) -> dict[str, Any]:
    default = declared.get("Default")
    return {
        "ParameterKey": name,
        "DefaultValue": None if default is None else templates.value_of(declared, None),
        "NoEcho": templates.is_true(declared.get("NoEcho")),
        "Description": declared.get("Description"),
    }
