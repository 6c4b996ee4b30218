"""Strategic merge patch: a merge patch that knows which lists are joined, and by which key.

Besides values a patch holds directives: `$patch` (delete, replace, merge), `$retainKeys`, `$setElementOrder/<list>`,
`$deleteFromPrimitiveList/<list>`.
Source: https://github.com/kubernetes/community/blob/main/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from collections.abc import Mapping, Sequence
from typing import Any

from infrastructure.embedded.kubernetes.schema import types
from infrastructure.embedded.kubernetes.schema.types import Field

_PATCH, _RETAIN = "$patch", "$retainKeys"
_ORDER, _DELETE = "$setElementOrder/", "$deleteFromPrimitiveList/"
_UNTYPED = Field(shape="", type="any")


class Unfit(ValueError):
    """The patch makes no sense for this type."""


def apply(document: Mapping[str, Any], patch: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    """The object of that type with the patch in it. Nothing given is changed."""
    directive = patch.get(_PATCH)
    rest = {name: value for name, value in patch.items() if name != _PATCH}
    if directive == "replace":
        return rest
    if directive == "delete":
        return {}
    if directive not in (None, "merge"):
        raise Unfit(f"Unknown patch type: {directive}")
    return _merged(document, rest, type_name)


def _merged(document: Mapping[str, Any], patch: Mapping[str, Any], type_name: str) -> dict[str, Any]:
    made = dict(document)
    fields = types.fields(type_name) or {}
    retained = patch.get(_RETAIN)
    if isinstance(retained, list):
        made = {name: value for name, value in made.items() if name in retained}
    for name, value in patch.items():
        if name.startswith(_DELETE):
            kept = [each for each in made.get(name.removeprefix(_DELETE)) or () if each not in value]
            made[name.removeprefix(_DELETE)] = kept
        elif name.startswith("$"):
            continue
        elif value is None:
            made.pop(name, None)
        else:
            made[name] = _value(made.get(name), value, fields.get(name, _UNTYPED), patch.get(_ORDER + name))
    for name in (each.removeprefix(_ORDER) for each in patch if each.startswith(_ORDER)):
        if name not in patch and isinstance(made.get(name), list):
            made[name] = _ordered(made[name], patch[_ORDER + name], fields.get(name, _UNTYPED).merge_key or "")
    return made


def _value(former: Any, value: Any, field: Field, order: Any) -> Any:
    if isinstance(value, Mapping):
        inner = field.type if not field.shape else "any"
        return apply(former if isinstance(former, Mapping) else {}, value, inner)
    if isinstance(value, list):
        return _list(former if isinstance(former, list) else [], value, field, order)
    return value


def _list(former: Sequence[Any], patch: list[Any], field: Field, order: Any) -> list[Any]:
    if any(isinstance(each, Mapping) and each.get(_PATCH) == "replace" for each in patch):
        return [each for each in patch if not (isinstance(each, Mapping) and _PATCH in each)]
    if field.merge_key is None:
        return patch
    if not field.merge_key:
        made = [*former, *(each for each in patch if each not in former)]
    else:
        made = _joined(former, patch, field)
    return _ordered(made, order, field.merge_key) if isinstance(order, list) else made


def _joined(former: Sequence[Any], patch: Sequence[Any], field: Field) -> list[Any]:
    key, made = field.merge_key, list(former)
    for each in patch:
        if not isinstance(each, Mapping) or key not in each:
            raise Unfit(
                f"map: {dict(each) if isinstance(each, Mapping) else each} does not contain declared merge key: {key}"
            )
        place = next((at for at, known in enumerate(made) if known.get(key) == each[key]), None)
        if each.get(_PATCH) == "delete":
            made = [known for known in made if known.get(key) != each[key]]
        elif place is None:
            made.append(apply({}, each, field.type))
        else:
            made[place] = apply(made[place], each, field.type)
    return made


def _ordered(made: Sequence[Any], order: Sequence[Any], key: str) -> list[Any]:
    """As the patch has them; those that it does not name keep their place behind what stood before them."""

    def identity(of: Any) -> Any:
        return of.get(key) if isinstance(of, Mapping) else of

    wanted = [identity(each) for each in order]
    named = {identity(each): each for each in made if identity(each) in wanted}
    result: list[Any] = [named[each] for each in wanted if each in named]
    previous = None
    for each in made:
        if identity(each) not in wanted:
            result.insert(0 if previous is None else result.index(previous) + 1, each)
        previous = each
    return result
