"""Updates: what the operators make of a document. Pure.

Source: https://www.mongodb.com/docs/manual/reference/operator/update/; each refusal is MongoDB's.
"""

import copy
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bson.int64 import Int64

from infrastructure.embedded.engines.documents.errors import CommandError, not_provided
from infrastructure.embedded.engines.documents.language.matching import matcher
from infrastructure.embedded.engines.documents.language.pushing import pushed
from infrastructure.embedded.engines.documents.language.queries import checked_query, has_operators
from infrastructure.embedded.engines.documents.language.values import MISSING, is_less, key_of

Document = dict[str, Any]
Place = tuple[Any, Any]
"""A document or array, and the name or number in it."""
_INT64 = 1 << 63


def updated(
    document: Document,
    update: Mapping[str, Any],
    query: Mapping[str, Any],
    filters: Sequence[Document] = (),
    *,
    new: bool,
) -> Document:
    """The document after `update`; `new`: it is inserted by it. The query says what `$` stands for."""
    if not has_operators(update):
        return _replaced(document, update)
    found = copy.deepcopy(document)
    named = {_identifier(each): checked_query(each) for each in filters}
    for operator, fields in update.items():
        if operator == "$setOnInsert" and not new:
            continue
        change = _CHANGES.get(operator)
        if change is None:
            raise CommandError(9, f"Unknown modifier: {operator}")
        if not isinstance(fields, Mapping):
            raise CommandError(9, f"Modifiers operate on fields but we found type {type(fields).__name__} instead")
        for path, value in fields.items():
            for place in tuple(_places(found, path, query, named, makes=operator not in _TAKE_AWAY)):
                change(found, place, value)
    if "_id" in document and key_of(found.get("_id")) != key_of(document["_id"]):
        raise CommandError(66, "Performing an update on the path '_id' would modify the immutable field '_id'")
    return found


def _replaced(document: Mapping[str, Any], replacement: Mapping[str, Any]) -> Document:
    if "_id" in document and "_id" in replacement and key_of(document["_id"]) != key_of(replacement["_id"]):
        raise CommandError(66, "After applying the update, the (immutable) field '_id' was found to have been altered")
    identity = {"_id": document["_id"]} if "_id" in document else {}
    return {**identity, **copy.deepcopy(dict(replacement))}


def _identifier(condition: Mapping[str, Any]) -> str:
    names = {name.partition(".")[0] for name in condition}
    if len(names) != 1 or next(iter(names)).startswith("$"):
        raise not_provided("array filters on other than one identifier")
    return names.pop()


# --- where ------------------------------------------------------------------------------------------------------------


def _places(
    document: Document, path: str, query: Mapping[str, Any], filters: Mapping[str, Document], *, makes: bool
) -> Iterator[Place]:
    """The places a path names: `$` is the element the query found, `$[]` all, `$[x]` those that filter x fits."""
    parts = path.split(".")
    holders: list[Any] = [document]
    for depth, part in enumerate(parts):
        is_last = depth == len(parts) - 1
        named = [(each, name) for each in holders for name in _names(each, part, path, query, filters)]
        if is_last:
            yield from named
            return
        holders = [below for each, name in named if (below := _below(each, name, makes=makes, path=path)) is not None]


def _names(
    holder: Any, part: str, path: str, query: Mapping[str, Any], filters: Mapping[str, Document]
) -> Iterator[Any]:
    if isinstance(holder, list):
        if part == "$":
            yield _position(holder, path, query)
        elif part.startswith("$["):
            identifier = part[2:-1]
            if identifier and identifier not in filters:
                raise CommandError(2, f"No array filter found for identifier '{identifier}' in path '{path}'")
            yield from (
                n for n, each in enumerate(holder) if not identifier or _fits(filters[identifier], identifier, each)
            )
        elif part.isdigit():
            yield int(part)
        else:
            raise CommandError(28, f"Cannot create field '{part}' in element of an array, on the path '{path}'")
    elif isinstance(holder, dict) and not part.startswith("$"):
        yield part
    else:
        raise CommandError(28, f"Cannot create field '{part}' on the path '{path}'")


def _fits(condition: Mapping[str, Any], identifier: str, element: Any) -> bool:
    return matcher(condition)({identifier: element})


def _position(holder: list[Any], path: str, query: Mapping[str, Any]) -> int:
    prefix = path.partition(".$")[0]
    for number, element in enumerate(holder):
        conditions = _conditions(query, prefix)
        if conditions and all(matcher(each)({prefix.rpartition(".")[2]: element}) for each in conditions):
            return number
    raise CommandError(2, "The positional operator did not find the match needed from the query.")


def _conditions(query: Mapping[str, Any], prefix: str) -> list[dict[str, Any]]:
    """The parts of a query that are about an array, as ones about one of its elements."""
    name, found = prefix.rpartition(".")[2], []
    for path, value in query.items():
        if path == "$and":
            found += [each for part in value for each in _conditions(part, prefix)]
        elif path == prefix and isinstance(value, Mapping) and "$elemMatch" in value:
            below = value["$elemMatch"]
            is_operators = all(key.startswith("$") for key in below)
            found.append({name: below} if is_operators else {f"{name}.{key}": each for key, each in below.items()})
        elif path == prefix or path.startswith(f"{prefix}."):
            found.append({name + path[len(prefix) :]: value})
    return found


def _below(holder: Any, name: Any, *, makes: bool, path: str) -> Any:
    value = _get(holder, name)
    if value is MISSING:
        if not makes:
            return None
        value = {}
        _put(holder, name, value)
    if not isinstance(value, dict | list):
        if not makes:
            return None
        raise CommandError(28, f"Cannot create a field below '{name}', which is no document, on the path '{path}'")
    return value


def _get(holder: Any, name: Any) -> Any:
    if isinstance(holder, list):
        return holder[name] if name < len(holder) else MISSING
    return holder.get(name, MISSING)


def _put(holder: Any, name: Any, value: Any) -> None:
    if isinstance(holder, list):
        if name > len(holder) + 1_500_000:
            raise CommandError(2, "can't backfill more than 1500000 elements of an array")
        holder.extend([None] * (name + 1 - len(holder)))
    holder[name] = value


# --- what -------------------------------------------------------------------------------------------------------------


def _set(_document: Document, place: Place, value: Any) -> None:
    _put(*place, copy.deepcopy(value))


def _unset(_document: Document, place: Place, _value: Any) -> None:
    holder, name = place
    if isinstance(holder, list):
        if name < len(holder):
            holder[name] = None
    else:
        holder.pop(name, None)


def _arithmetic(
    verb: str, neutral: int, calculate: Callable[[Any, Any], Any]
) -> "Callable[[Document, Place, Any], None]":
    def change(document: Document, place: Place, value: Any) -> None:
        before = _get(*place)
        for each in (value, before):
            if each is not MISSING and (isinstance(each, bool) or not isinstance(each, int | float)):
                raise CommandError(
                    14,
                    f"Cannot apply {verb} to a value of non-numeric type: field '{place[1]}' of the document with _id "
                    f"{document.get('_id')!r} meets {type(each).__name__}",
                )
        result = calculate(neutral if before is MISSING else before, value)
        if isinstance(result, int) and not -_INT64 <= result < _INT64:
            raise CommandError(2, f"Failed to apply {verb} operations to current value: the result overflows 64 bits")
        _put(*place, Int64(result) if isinstance(before, Int64) or isinstance(value, Int64) else result)

    return change


def _extreme(*, least: bool) -> "Callable[[Document, Place, Any], None]":
    def change(_document: Document, place: Place, value: Any) -> None:
        before = _get(*place)
        if before is MISSING or (is_less(value, before) if least else is_less(before, value)):
            _put(*place, copy.deepcopy(value))

    return change


def _rename(document: Document, place: Place, value: Any) -> None:
    holder, name = place
    if not isinstance(holder, dict) or name not in holder:
        return
    moved = holder.pop(name)
    for target in _places(document, str(value), {}, {}, makes=True):
        _put(*target, moved)


def _current_date(_document: Document, place: Place, value: Any) -> None:
    if value is not True and value != {"$type": "date"}:
        raise not_provided("$currentDate of another type than date")
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    _put(*place, now.replace(microsecond=now.microsecond // 1000 * 1000))


def _array(place: Place, verb: str, *, makes: bool) -> list[Any] | None:
    value = _get(*place)
    if value is MISSING:
        if not makes:
            return None
        value = []
        _put(*place, value)
    if not isinstance(value, list):
        raise CommandError(
            2, f"The field '{place[1]}' must be an array for {verb}, but is of type {type(value).__name__}"
        )
    return value


def _push(_document: Document, place: Place, value: Any) -> None:
    array = _array(place, "$push", makes=True)
    _put(*place, pushed(array or [], value))


def _add_to_set(_document: Document, place: Place, value: Any) -> None:
    array = _array(place, "$addToSet", makes=True) or []
    held = {key_of(each) for each in array}
    for each in value["$each"] if isinstance(value, dict) and "$each" in value else (value,):
        if key_of(each) not in held:
            held.add(key_of(each))
            array.append(copy.deepcopy(each))
    _put(*place, array)


def _pull(_document: Document, place: Place, value: Any) -> None:
    array, is_pulled = _array(place, "$pull", makes=False), _pulling(value)
    if array:
        array[:] = [each for each in array if not is_pulled(each)]


def _pulling(condition: Any) -> Callable[[Any], bool]:
    """What says of an element whether it goes."""
    if not isinstance(condition, dict):
        key = key_of(condition)
        return lambda element: key_of(element) == key
    if has_operators(condition):
        fits = matcher(checked_query({"x": condition}))
        return lambda element: fits({"x": element})
    fits = matcher(checked_query(condition))
    return lambda element: isinstance(element, dict) and fits(element)


def _pull_all(_document: Document, place: Place, value: Any) -> None:
    array = _array(place, "$pullAll", makes=False)
    unwanted = {key_of(each) for each in value}
    if array:
        array[:] = [each for each in array if key_of(each) not in unwanted]


def _pop(_document: Document, place: Place, value: Any) -> None:
    array = _array(place, "$pop", makes=False)
    if value not in (1, -1):
        raise CommandError(9, f"$pop expects 1 or -1, found: {value}")
    if array:
        array.pop(-1 if value == 1 else 0)


_CHANGES: Mapping[str, Callable[[Document, Place, Any], None]] = {
    "$set": _set,
    "$setOnInsert": _set,
    "$unset": _unset,
    "$inc": _arithmetic("$inc", 0, lambda before, by: before + by),
    "$mul": _arithmetic("$mul", 0, lambda before, by: before * by),
    "$min": _extreme(least=True),
    "$max": _extreme(least=False),
    "$rename": _rename,
    "$currentDate": _current_date,
    "$push": _push,
    "$addToSet": _add_to_set,
    "$pull": _pull,
    "$pullAll": _pull_all,
    "$pop": _pop,
}
_TAKE_AWAY = frozenset({"$unset", "$pull", "$pullAll", "$pop", "$rename"})
"""They make nothing where there is nothing."""
