"""What stacks give each other by name: the exports of their outputs, and the imports of their templates."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from moto.cloudformation import parsing

Stack = Any  # moto's stack, which publishes no types

SHOWN = (
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    "UPDATE_IN_PROGRESS",
    "UPDATE_ROLLBACK_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
)
"""States in which a stack has outputs."""


def exported_names(stack: Stack) -> frozenset[str]:
    """The names under which the stack's template exports, whatever they are worth."""
    return frozenset(_named(stack).values())


def of(stack: Stack) -> list[Any]:
    """Only of a stack that is there, as its outputs."""
    if stack.status not in SHOWN:
        return []
    names = _named(stack)
    return [
        parsing.Export(stack.stack_id, names[each.key], each.value)
        for each in stack.output_map.values()
        if each is not None and each.key in names
    ]


def imported_names(stack: Stack) -> frozenset[str]:
    """The names that the stack's template imports."""
    return frozenset(str(parsing.clean_json(name, stack.resource_map)) for name in _imports(stack.template_dict))


def _named(stack: Stack) -> dict[str, str]:
    outputs: Mapping[str, Any] = stack.template_dict.get("Outputs") or {}
    exported = {name: each["Export"]["Name"] for name, each in outputs.items() if each.get("Export")}
    return {name: str(parsing.clean_json(each, stack.resource_map)) for name, each in exported.items()}


def _imports(value: Any) -> Iterator[Any]:
    if isinstance(value, dict) and "Fn::ImportValue" in value:
        yield value["Fn::ImportValue"]
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from _imports(each)
