"""One resource that a stack has made: how it is changed and deleted, whether its type is ours or moto's.

    ours         ──▶ its class's `update`, `delete`
    moto's       ──▶ its entry in `moto_types`, else moto's own code

A resource that somebody deleted past the stack is no obstacle to deleting it, as on AWS.
"""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from moto.cloudformation import parsing

from infrastructure.embedded.stacks.moto_types import MOTO_TYPES, update_in_place
from infrastructure.embedded.stacks.resource import Api, Properties, Refused, Resource, Unchangeable

_GONE = re.compile(r"NotFound|DoesNotExist|NonExistent|NoSuch|NotAttached")
"""What the APIs' error codes have in common that say that there is nothing to delete."""


@dataclass(slots=True, kw_only=True)
class Made:
    """A resource that exists: its record, and the resolved properties it was made with."""

    kind: str
    name: str
    record: Any
    properties: Properties
    is_retained: bool


def updated(api: Api, known: Made, properties: Properties) -> Any:
    """Change the resource to have `properties`; the record that stands for it from now on."""
    if isinstance(known.record, Resource):
        return known.record.update(api, properties)
    if update_in_place(known.kind, api, known.record, known.properties, properties):
        return known.record
    resource_class = parsing.resource_class_from_type(known.kind)
    if hasattr(resource_class.update_from_cloudformation_json, "__isabstractmethod__"):
        raise Unchangeable(f"{known.kind} cannot be changed in the embedded cloud; delete the stack and create it")
    json = {"Type": known.kind, "Properties": copy.deepcopy(dict(properties))}
    name = properties.get(resource_class.cloudformation_name_type(), known.name)
    return resource_class.update_from_cloudformation_json(known.record, name, json, api.account, api.region)


def torn(known: Made, properties: Properties, cause: Exception) -> Made | None:
    """What a change to `properties` that failed may have left, for a rollback to update back; None when nothing."""
    record = known.record
    if isinstance(cause, Unchangeable) or (isinstance(record, Resource) and record.IS_REPLACED):
        return None
    if isinstance(record, Resource):
        own = {name: value for name, value in record.properties.items() if name not in known.properties}
        record = copy.copy(record)
        record.properties = {**own, **properties}
    return replace(known, record=record, properties=properties)


def delete(api: Api, resources: Any, known: Made) -> None:
    """Delete the resource, if it is still there; `resources` is the stack's map, which moto's own deletion needs."""
    try:
        _delete(api, resources, known)
    except Exception as refusal:
        if not any(_GONE.search(code) for code in _codes(refusal)):
            raise


def is_replaced(one: Made, other: Made) -> bool:
    """Whether these are two resources, not one that was changed."""
    if not isinstance(one.record, Resource) or not one.record.IS_REPLACED:
        return False
    return bool(one.record.physical_resource_id != other.record.physical_resource_id)


def _delete(api: Api, resources: Any, known: Made) -> None:
    entry = MOTO_TYPES.get(known.kind)
    if isinstance(known.record, Resource):
        known.record.delete(api)
    elif entry is not None and entry.delete is not None:
        entry.delete(api, known.record, known.properties)
    else:
        resource_class = parsing.resource_class_from_type(known.kind)
        is_deletable = not hasattr(resource_class.delete_from_cloudformation_json, "__isabstractmethod__")
        if not is_deletable and not hasattr(known.record, "delete"):
            raise Refused(f"{known.kind} cannot be deleted in the embedded cloud")
        json = {"Type": known.kind, "Properties": dict(known.properties)}
        resources._delete_resource(known.record, json)


def _codes(refusal: Exception) -> Iterator[str]:
    """The error code of one of moto's exceptions: its classes keep it in one of these."""
    for name in ("error_type", "code"):
        code = getattr(refusal, name, None)
        if isinstance(code, str):
            yield code
