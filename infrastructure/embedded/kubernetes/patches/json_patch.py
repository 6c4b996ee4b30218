"""JSON patch. Source: https://www.rfc-editor.org/rfc/rfc6902"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

LIMIT = 10_000
"""Operations of one patch, as the API server has it."""


class Unfit(ValueError):
    """The patch is none, or cannot be applied to this document."""


def apply(document: Any, operations: Any) -> Any:
    """The document after all operations, in their order; all of them or none."""
    if not isinstance(operations, list) or len(operations) > LIMIT:
        raise Unfit(f"a JSON patch is a list of at most {LIMIT} operations")
    made = copy.deepcopy(document)
    for each in operations:
        if not isinstance(each, Mapping) or not isinstance(each.get("path"), str):
            raise Unfit("each operation of a JSON patch has `op` and `path`")
        made = _step(made, each)
    return made


def _step(document: Any, of: Mapping[str, Any]) -> Any:
    path = _parts(of["path"])
    match of.get("op"):
        case "add":
            return _add(document, path, _value(of))
        case "remove":
            return _remove(document, path)[0]
        case "replace":
            _get(document, path)
            return _add(_remove(document, path)[0], path, _value(of)) if path else _value(of)
        case "move":
            document, value = _remove(document, _parts(of.get("from", "")))
            return _add(document, path, value)
        case "copy":
            return _add(document, path, copy.deepcopy(_get(document, _parts(of.get("from", "")))))
        case "test":
            if _get(document, path) != of.get("value"):
                raise Unfit(f"testing value {of['path']} failed")
            return document
    raise Unfit(f"Unexpected kind: {of.get('op')}")


def _value(of: Mapping[str, Any]) -> Any:
    if "value" not in of:
        raise Unfit(f"operation {of.get('op')} at {of['path']} has no value")
    return of["value"]


def _parts(path: str) -> list[str]:
    if path and not path.startswith("/"):
        raise Unfit(f"{path} is no JSON pointer: it begins with /")
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _get(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(document, part, last=len(document) - 1)]
        else:
            raise Unfit(f"the path /{'/'.join(path)} is not there")
    return document


def _add(document: Any, path: Sequence[str], value: Any) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else _index(parent, last, last=len(parent)), value)
    elif isinstance(parent, dict):
        parent[last] = value
    else:
        raise Unfit(f"nothing can be added at /{'/'.join(path)}")
    return document


def _remove(document: Any, path: Sequence[str]) -> tuple[Any, Any]:
    """What is left, and what was there."""
    if not path:
        return None, document
    value, parent = _get(document, path), _get(document, path[:-1])
    del parent[int(path[-1]) if isinstance(parent, list) else path[-1]]
    return document, value


def _index(of: list[Any], part: str, *, last: int) -> int:
    if not part.isdecimal() or int(part) > last:
        raise Unfit(f"{part} is no index of a list of {len(of)}")
    return int(part)
