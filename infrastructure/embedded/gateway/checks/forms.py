"""What of a flat form, or of an XML document, is a member of an operation: what no parser would read.

Parsers pass over what they do not know and take any text but "true" for false, so that a call with a slip of the pen
would do less than it was asked to. Pure; names as botocore's serializers write them ("AWS query", "AWS EC2 query",
"AWS restXml" in the Smithy documentation).
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from xml.etree import ElementTree as ET

from botocore.model import Shape

_WHOLE = re.compile(r"\s*[+-]?\d+\s*")
_READABLE: Mapping[str, Callable[[str], bool]] = {
    "boolean": lambda text: text.lower() in ("true", "false"),
    "integer": lambda text: _WHOLE.fullmatch(text) is not None,
    "long": lambda text: _WHOLE.fullmatch(text) is not None,
    "list": lambda text: text == "",  # how an empty one is written
    "structure": lambda _text: False,
    "map": lambda _text: False,
}


def is_readable(shape: Shape, text: str) -> bool:
    """Whether `text` can stand for a value of this shape; what only a parser can tell is left to it."""
    check = _READABLE.get(shape.type_name)
    return check is None or check(text)


def leaf(shape: Any, segments: list[str], *, is_ec2: bool) -> Any:
    """The shape at `Filter.1.Name`; None when there is none of that name."""
    if not segments or shape is None:
        return shape
    head, *rest = segments
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if head in _names(member, name, is_ec2, bool(rest)):
                return leaf(member, rest, is_ec2=is_ec2)
        return None
    if shape.type_name == "list":
        return _item(shape, head, rest, is_ec2)
    return _entry(shape, head, rest, is_ec2) if shape.type_name == "map" else None


def _names(member: Any, name: str, is_ec2: bool, is_inside: bool) -> tuple[str, ...]:
    wire = member.serialization.get("name", name)
    if is_ec2:
        return (member.serialization.get("queryName") or wire[:1].upper() + wire[1:],)
    if member.type_name == "list" and member.serialization.get("flattened") and is_inside:
        return (member.member.serialization.get("name", wire),)
    return (wire,)


def _item(shape: Any, head: str, rest: list[str], is_ec2: bool) -> Any:
    if not is_ec2 and not shape.serialization.get("flattened"):
        if head != shape.member.serialization.get("name", "member"):
            return None
        head, *rest = rest or [""]
    return leaf(shape.member, rest, is_ec2=is_ec2) if head.isdigit() else None


def _entry(shape: Any, head: str, rest: list[str], is_ec2: bool) -> Any:
    if not shape.serialization.get("flattened"):
        if head != "entry" or not rest:
            return None
        head, *rest = rest
    sides = {each.serialization.get("name", name): each for name, each in (("key", shape.key), ("value", shape.value))}
    side, *inside = rest or [""]
    return leaf(sides.get(side), inside, is_ec2=is_ec2) if head.isdigit() and side in sides else None


def problems(shape: Any, node: ET.Element, path: str = "") -> Iterator[str]:
    """What in an XML element is not of its shape, in words."""
    path = f"{path}/{_tag(node)}"
    if shape.type_name == "structure":
        yield from _structure(shape, node, path)
    elif shape.type_name == "list":
        yield from _list(shape, node, path)
    elif shape.type_name != "map" and (len(node) or not is_readable(shape, (node.text or "").strip())):
        yield f"{path} is not a {shape.type_name}"


def _structure(shape: Any, node: ET.Element, path: str) -> Iterator[str]:
    if (node.text or "").strip():
        yield f"{path} is not a structure"
    known: dict[str, Any] = {}
    for name, member in shape.members.items():
        is_flat = member.type_name == "list" and member.serialization.get("flattened")
        inner = member.member if is_flat else member
        known[member.serialization.get("name", name)] = inner
        if is_flat and "name" in inner.serialization:
            known[inner.serialization["name"]] = inner
    for child in node:
        if _tag(child) in known:
            yield from problems(known[_tag(child)], child, path)
        else:
            yield f"{path}/{_tag(child)} is not known"


def _list(shape: Any, node: ET.Element, path: str) -> Iterator[str]:
    if (node.text or "").strip():
        yield f"{path} is not a list"
    item = shape.member.serialization.get("name", "member")
    for child in node:
        if _tag(child) == item:
            yield from problems(shape.member, child, path)
        else:
            yield f"{path}/{_tag(child)} is not known"


def _tag(node: ET.Element) -> str:
    return node.tag.rpartition("}")[2]
