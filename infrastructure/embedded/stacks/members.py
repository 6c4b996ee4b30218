"""A template's properties as the members of an API's call. Pure.

CloudFormation's names differ from an API's in the case of letters at most (`Cpu`, `cpu`), all the way down but for the
keys of maps, which are the user's own. Numbers and truths are text in a template as often as not; documents are
objects where an API takes JSON; tags are a list where an API may take a map; one value stands for a list of one.
Source: the APIs' own service models, as botocore has them.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.model import Shape

from infrastructure.embedded.stacks.calls import service_model
from infrastructure.embedded.stacks.errors import Refused


def members(service: str, action: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """`properties` as members of the operation's input; `Refused` names those that it does not have."""
    shape = service_model(service).operation_model(action).input_shape
    return _structure(shape, properties, action)


def named(service: str, action: str, name: str) -> str | None:
    """The operation's member of that name, whatever the case of its letters; None when it has no such one."""
    shape = service_model(service).operation_model(action).input_shape
    return None if shape is None else _name(shape, name)


def _structure(shape: Shape | None, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    found = {name: None if shape is None else _name(shape, name) for name in given}
    unknown = sorted(name for name, member in found.items() if member is None)
    if unknown:
        raise Refused(f"the embedded cloud does not do {', '.join(unknown)} here: {where} has no such member")
    known: Mapping[str, Shape] = shape.members  # type: ignore[union-attr]  # a structure has members
    return {str(found[name]): _value(known[str(found[name])], each, name) for name, each in given.items()}


def _name(shape: Shape, name: str) -> str | None:
    known: Mapping[str, Shape] = shape.members  # type: ignore[attr-defined]  # a structure has members
    if name in known:
        return name
    return next((each for each in known if each.casefold() == name.casefold()), None)


def _value(shape: Shape, value: Any, where: str) -> Any:
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            return _structure(shape, value, where)
        case "list":
            each_of = value if isinstance(value, list | tuple) else [value]
            return [_value(shape.member, each, where) for each in each_of]  # type: ignore[attr-defined]  # a list has one
        case "map":
            pairs = {each["Key"]: each["Value"] for each in value} if isinstance(value, list) else value
            return {str(name): _value(shape.value, each, f"{where}.{name}") for name, each in pairs.items()}  # type: ignore[attr-defined]  # a map has one
        case "boolean":
            return value if isinstance(value, bool) else _truth(str(value), where)
        case "integer" | "long":
            return _number(value, int, where)
        case "float" | "double":
            return _number(value, float, where)
        case "string":
            return _text(value)
    return value


def _text(value: Any) -> str:
    """As CloudFormation writes it: truths in small letters, whole numbers without a fraction, documents as JSON."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping | list):
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _truth(text: str, where: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Refused(f"{where} must be true or false, not {text!r}")
    return text.lower() == "true"


def _number(value: Any, kind: type[int] | type[float], where: str) -> int | float:
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise Refused(f"{where} must be a {'whole ' if kind is int else ''}number, not {value!r}") from None
