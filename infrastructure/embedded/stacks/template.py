"""Reading a template before anything is made: its text, its parameters, the order of its resources. Pure.

Sources: AWS CloudFormation User Guide, "Parameters", "Intrinsic function reference", "DependsOn attribute".
"""

import json
import math
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

import yaml

Template = dict[str, Any]
_SUBSTITUTED = re.compile(r"\$\{([^!${}][^${}]*)\}")


class Invalid(Exception):
    """The template or its parameters are refused before anything is made; the text is AWS's, as near as may be."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]  # libyaml's loader where it is built in
    """YAML with CloudFormation's short forms (`!Ref`) and nothing that could run code."""


def _short_form(loader: Any, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = node.value
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
# A date such as 2010-09-09 is text in a template.
_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in _Loader.yaml_implicit_resolvers.items()
}


def parse(text: str | Mapping[str, Any]) -> Template:
    """The template in `text`, YAML or JSON; `Invalid` says where it is not well formed."""
    if not isinstance(text, str):
        return dict(text)
    try:
        parsed = json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_Loader)  # noqa: S506  # a SafeLoader
    except (yaml.YAMLError, json.JSONDecodeError) as fault:
        raise Invalid(f"Template format error: {fault}") from fault
    if not isinstance(parsed, dict):
        raise Invalid("Template format error: unsupported structure.")
    return {str(name): normal(each) for name, each in parsed.items()}


def normal(value: Any) -> Any:
    """`value` with every Fn::GetAtt as [resource, attribute], whichever way it was written."""
    if isinstance(value, list):
        return [normal(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Fn::GetAtt"}:
        return {"Fn::GetAtt": _attribute(value["Fn::GetAtt"])}
    return {name: normal(each) for name, each in value.items()}


def _attribute(given: object) -> list[str]:
    parts = given.split(".", 1) if isinstance(given, str) else given
    if not isinstance(parts, list) or len(parts) < 2:
        raise Invalid(
            "Template error: every Fn::GetAtt object requires two non-empty parameters, the resource name and the"
            f" resource attribute, not {given!r}"
        )
    return [str(parts[0]), ".".join(map(str, parts[1:]))]


def check_form(template: Template) -> None:
    """`Invalid` when a section or a resource is not what it must be, or a name is used that nothing declares."""
    for section in ("Parameters", "Mappings", "Conditions", "Resources", "Outputs"):
        for name, declared in _section(template, section).items():
            if section != "Conditions" and not isinstance(declared, dict):
                raise Invalid(f"Template format error: {section} member {name} must be an object, not {declared!r}")
    if not _section(template, "Resources"):
        raise Invalid("Template format error: At least one Resources member must be defined.")
    untyped = [name for name, declared in template["Resources"].items() if "Type" not in declared]
    if untyped:
        raise Invalid(
            f"Template format error: [/Resources/{untyped[0]}] Every Resources object must contain a Type member."
        )
    for section in ("Conditions", "Resources", "Outputs"):
        _check_names(template, section)


def _section(template: Template, section: str) -> Mapping[str, Any]:
    found = template.get(section) or {}
    if not isinstance(found, dict):
        raise Invalid(f"Template format error: {section} must be an object, not {found!r}")
    return found


def _check_names(template: Template, section: str) -> None:
    used = _section(template, section)
    lost = sorted(set(_conditions(used, section)) - set(_section(template, "Conditions")))
    if lost:
        raise Invalid(
            f"Template format error: Unresolved condition dependency {', '.join(lost)} in the {section} block of the"
            " template"
        )
    known = {*_section(template, "Parameters"), *_section(template, "Mappings")}
    known |= set(_section(template, "Resources")) if section == "Outputs" else set()
    unknown = sorted(each for each in set(references(used)) - known if not each.startswith("AWS::"))
    if unknown and section != "Resources":  # of a resource `order` tells in which one
        raise Invalid(
            f"Template format error: Unresolved resource dependencies [{', '.join(unknown)}] in the {section} block of"
            " the template"
        )


def _conditions(used: Mapping[str, Any], section: str) -> Iterator[str]:
    """Names of conditions that a section uses: of its members, in Fn::If, and in another condition."""
    for declared in used.values():
        if section != "Conditions" and "Condition" in declared:
            yield str(declared["Condition"])
        yield from _conditions_within(declared, section)


def _conditions_within(value: Any, section: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _conditions_within(each, section)
    elif isinstance(value, dict):
        if isinstance(value.get("Fn::If"), list):
            yield str(value["Fn::If"][0])
        if section == "Conditions" and set(value) == {"Condition"}:
            yield str(value["Condition"])
        for each in value.values():
            yield from _conditions_within(each, section)


def check_parameters(template: Template, given: Mapping[str, Any]) -> None:
    """`Invalid` when a parameter is unknown, missing, or not what its declaration allows."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    unknown = sorted(set(given) - set(declared))
    if unknown:
        raise Invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name, rule in declared.items() if name not in given and "Default" not in rule]
    if missing:
        raise Invalid(f"Parameters: [{', '.join(missing)}] must have values")
    for name, rule in declared.items():
        _check(name, rule, value_of(rule, given.get(name)))


def plain(value: object) -> str:
    """A scalar of a template as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_of(declared: Mapping[str, Any], given: str | None) -> str:
    """What a parameter's value is as text: what was given, else the default."""
    return plain(declared.get("Default", "")) if given is None else given


def shown_parameters(template: Template, parameters: Mapping[str, str]) -> dict[str, str]:
    """The values of all that the template declares; those that are not to be echoed are masked."""
    declared: Mapping[str, Any] = template.get("Parameters") or {}
    return {
        name: "****" if is_true(each.get("NoEcho")) else value_of(each, parameters.get(name))
        for name, each in declared.items()
    }


def is_true(value: object) -> bool:
    """A flag, however a template writes it."""
    return plain(value).lower() == "true"


def _check(name: str, rule: Mapping[str, Any], value: str) -> None:
    allowed = [plain(each) for each in rule.get("AllowedValues", ())]
    values = [each.strip() for each in value.split(",")] if "List" in str(rule.get("Type")) else [value]
    if allowed and not set(values) <= set(allowed):
        raise Invalid(f"Parameter '{name}' must be one of AllowedValues [{', '.join(allowed)}]")
    pattern = rule.get("AllowedPattern")
    if pattern and not all(re.fullmatch(pattern, each) for each in values):
        raise Invalid(f"Parameter '{name}' must match pattern {pattern}")
    if rule.get("Type") == "Number":
        _check_number(name, rule, value)
    if len(value) < int(rule.get("MinLength", 0)):
        raise Invalid(f"Parameter '{name}' must contain at least {rule['MinLength']} characters")
    if "MaxLength" in rule and len(value) > int(rule["MaxLength"]):
        raise Invalid(f"Parameter '{name}' must contain at most {rule['MaxLength']} characters")


def _check_number(name: str, rule: Mapping[str, Any], value: str) -> None:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid(f"Parameter '{name}' must be a number.")
    if "MinValue" in rule and number < float(rule["MinValue"]):
        raise Invalid(f"Parameter '{name}' must be a number not less than {rule['MinValue']}")
    if "MaxValue" in rule and number > float(rule["MaxValue"]):
        raise Invalid(f"Parameter '{name}' must be a number not greater than {rule['MaxValue']}")


def order(template: Template) -> tuple[str, ...]:
    """Logical ids, each after everything it refers to; `Invalid` on a circle or a reference to nothing."""
    resources: Mapping[str, Any] = template["Resources"]
    known = {*resources, *(template.get("Parameters") or {}), *(template.get("Mappings") or {})}
    graph: dict[str, set[str]] = {}
    for name, declared in resources.items():
        wanted = {*references(declared), *_depends_on(declared)}
        lost = sorted(each for each in wanted - known if not each.startswith("AWS::"))
        if lost:
            raise Invalid(f"Template format error: Unresolved resource dependencies [{', '.join(lost)}] in {name}")
        graph[name] = {each for each in wanted if each in resources}
    try:
        return tuple(TopologicalSorter(graph).static_order())
    except CycleError as circle:
        raise Invalid(f"Circular dependency between resources: [{', '.join(circle.args[1][:-1])}]") from circle


def references(value: Any) -> Iterator[str]:
    """Names that a part of a template refers to: Ref, GetAtt, Sub."""
    return (name for name, _ in mentions(value))


def mentions(value: Any) -> Iterator[tuple[str, str]]:
    """Names that a part of a template refers to, and the attribute of it, empty for Ref."""
    if isinstance(value, list):
        for each in value:
            yield from mentions(each)
    elif isinstance(value, dict):
        for name, each in value.items():
            if name == "Ref" and isinstance(each, str):
                yield each, ""
            elif name == "Fn::GetAtt":
                yield each[0], each[1]
            elif name == "Fn::Sub":
                yield from _substituted(each)
            else:
                yield from mentions(each)


def _depends_on(declared: Mapping[str, Any]) -> list[str]:
    """A resource's own DependsOn; a container in a task definition has a property of that name."""
    named = declared.get("DependsOn", [])
    return [str(each) for each in named] if isinstance(named, list) else [str(named)]


def _substituted(value: Any) -> Iterator[tuple[str, str]]:
    text, own = (value[0], value[1]) if isinstance(value, list) else (value, {})
    yield from mentions(list(own.values()))
    for name in _SUBSTITUTED.findall(str(text)):
        if name.strip() not in own:
            entity, _, attribute = name.strip().partition(".")
            yield entity, attribute
