"""Label and field selectors. Sources: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/,
https://kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from infrastructure.embedded.kubernetes.store.objects import Object, labels

Matches = Callable[[Object], bool]
_Requirement = Callable[[Mapping[str, str]], bool]

_SET = re.compile(r"(?P<key>[^\s!=,()]+)\s+(?P<how>in|notin)\s*\((?P<values>[^()]*)\)")
_EQUAL = re.compile(r"(?P<key>[^\s!=,()]+)\s*(?P<how>==|=|!=)\s*(?P<value>[^\s,()=!]*)")
_EXISTS = re.compile(r"(?P<not>!)?\s*(?P<key>[^\s!=,()]+)")
_COMMA_OUTSIDE = re.compile(r",(?![^(]*\))")


class Unreadable(ValueError):
    """The selector makes no sense; the text is what Kubernetes says."""


def everything(_: Object) -> bool:
    """What no selector at all selects."""
    return True


def by_labels(text: str) -> Matches:
    """What a label selector in a query selects: `app=menu,tier in (a, b),!canary`."""
    if not text.strip():
        return everything
    requirements = [_requirement(part.strip()) for part in _COMMA_OUTSIDE.split(text)]
    return lambda of: all(required(labels(of)) for required in requirements)


def _requirement(text: str) -> _Requirement:
    if read := _SET.fullmatch(text):
        return _in(read["key"], [value.strip() for value in read["values"].split(",")], is_in=read["how"] == "in")
    if read := _EQUAL.fullmatch(text):
        return _in(read["key"], [read["value"]], is_in=read["how"] != "!=")
    if read := _EXISTS.fullmatch(text):
        return _exists(read["key"], is_there=not read["not"])
    raise Unreadable(f"unable to parse requirement: found '{text}', expected: identifier")


def _in(key: str, values: Sequence[str], *, is_in: bool) -> _Requirement:
    return lambda of: (of.get(key) in values) is is_in


def _exists(key: str, *, is_there: bool) -> _Requirement:
    return lambda of: (key in of) is is_there


def of_selector(selector: Mapping[str, Any] | None) -> Callable[[Mapping[str, str]], bool]:
    """What a LabelSelector in an object selects, asked with labels. None selects nothing, an empty one all."""
    if selector is None:
        return lambda _: False
    wanted = [_in(key, [value], is_in=True) for key, value in (selector.get("matchLabels") or {}).items()]
    wanted += [_expression(each) for each in selector.get("matchExpressions") or ()]
    return lambda of: all(required(of) for required in wanted)


def _expression(of: Mapping[str, Any]) -> _Requirement:
    operator, key = of["operator"], of["key"]
    if operator in ("In", "NotIn"):
        return _in(key, of.get("values") or [], is_in=operator == "In")
    if operator in ("Exists", "DoesNotExist"):
        return _exists(key, is_there=operator == "Exists")
    if operator in ("Gt", "Lt"):
        return _compared(key, int(of["values"][0]), 1 if operator == "Gt" else -1)
    raise Unreadable(f'"{operator}" is not a valid label selector operator')


def _compared(key: str, bound: int, sign: int) -> _Requirement:
    """Node affinity's `Gt` and `Lt`."""
    return lambda of: of.get(key, "").lstrip("-").isdigit() and (int(of[key]) - bound) * sign > 0


def text_of(selector: Mapping[str, Any] | None) -> str:
    """A LabelSelector as a query has it, as in a scale's status."""
    parts = [f"{key}={value}" for key, value in sorted(((selector or {}).get("matchLabels") or {}).items())]
    for each in (selector or {}).get("matchExpressions") or ():
        values = ",".join(each.get("values") or ())
        parts.append(
            {
                "In": f"{each['key']} in ({values})",
                "NotIn": f"{each['key']} notin ({values})",
                "Exists": each["key"],
            }.get(each["operator"], f"!{each['key']}")
        )
    return ",".join(parts)


def by_fields(text: str, allowed: Sequence[str]) -> Matches:
    """What a field selector in a query selects: `spec.nodeName=a,status.phase!=Failed`; `allowed` are the kind's."""
    if not text.strip():
        return everything
    required = []
    for part in text.split(","):
        read = re.fullmatch(r"\s*([\w.\[\]/-]+)\s*(==|=|!=)\s*(.*?)\s*", part)
        if read is None:
            raise Unreadable(f"invalid selector: '{part}'; can't understand '{part}'")
        path, how, wanted = read.groups()
        if path not in ("metadata.name", "metadata.namespace", *allowed):
            raise Unreadable(f"field label not supported: {path}")
        required.append((tuple(path.split(".")), how != "!=", wanted))
    return lambda of: all((_at(of, path) == wanted) is is_equal for path, is_equal, wanted in required)


def _at(of: Object, path: Sequence[str]) -> str:
    """The value at a path, as text; empty where there is none, as a Go zero value is."""
    found: Any = of
    for part in path:
        found = found.get(part) if isinstance(found, Mapping) else None
    if isinstance(found, bool):
        return str(found).lower()
    return "" if found is None else str(found)
