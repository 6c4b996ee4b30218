"""A template's values as an API takes them: numbers and truths are text in a template as often as not. Pure.

Source: the APIs' own service models, as botocore has them and moto reads them.
"""

from collections.abc import Mapping
from typing import Any

from botocore.model import Shape
from moto.core.utils import get_service_model

from infrastructure.embedded.stacks.resource import Refused


def coerced(service: str, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """`properties` as members of the operation's input; `Refused` names those that it does not have."""
    shape = get_service_model(service).operation_model(operation).input_shape
    known: Mapping[str, Shape] = {} if shape is None else shape.members
    unknown = sorted(set(properties) - set(known))
    if unknown:
        raise Refused(f"the embedded cloud does not do {', '.join(unknown)} here: {operation} has no such member")
    return {name: _value(known[name], value, name) for name, value in properties.items()}


def _value(shape: Shape, value: Any, where: str) -> Any:
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            members: Mapping[str, Shape] = shape.members  # type: ignore[attr-defined]  # a structure has members
            return {name: _value(members[name], each, f"{where}.{name}") for name, each in value.items()}
        case "list" if isinstance(value, list):
            return [_value(shape.member, each, where) for each in value]  # type: ignore[attr-defined]  # a list has one
        case "map" if isinstance(value, Mapping):
            return {str(name): _value(shape.value, each, f"{where}.{name}") for name, each in value.items()}  # type: ignore[attr-defined]  # a map has one
        case "boolean":
            return value if isinstance(value, bool) else _truth(str(value), where)
        case "integer" | "long":
            return _number(value, where)
        case "string":
            return _text(value)
    return value


def _text(value: Any) -> str:
    """As CloudFormation writes it: truths in small letters, whole numbers without a fraction."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _truth(text: str, where: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise Refused(f"{where} must be true or false, not {text!r}")
    return text.lower() == "true"


def _number(value: Any, where: str) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise Refused(f"{where} must be a whole number, not {value!r}") from None
