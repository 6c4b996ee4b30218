"""What an operation takes, as the model says it: the least that is valid, with names of things that do not exist.

Pure: the generator is passed in.
"""

import random
from datetime import UTC, datetime
from typing import Any

from infrastructure.embedded.tests.conformance import patterns

NAMELESS = "nope"
"""What a free text says."""
ARN = "arn:aws:nope:us-east-1:123456789012:nope/nope"
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
LONGEST = 20_000
"""Characters, bytes or items beyond which no bound is tried."""
_PROVIDED = {
    "ServiceNamespace": "ecs",
    "ScalableDimension": "ecs:service:DesiredCount",
    "Engine": "aurora-postgresql",
    "DBInstanceClass": "db.t3.medium",
}
"""What the embedded cloud has, where AWS has more: by the name of the member."""
NEEDED = {"CreateCacheCluster": {"Engine": "redis"}, "CreateDBInstance": {"DBClusterIdentifier": NAMELESS}}
"""Members that an operation needs to be provided here at all."""
_LEAST_INSIDE = {("AttributeValue", "S"): {"S": NAMELESS}}
"""Structures that must not be empty though the model does not say so: by name and first member."""


def least(shape: Any) -> int:
    return int(shape.metadata.get("min", 0))


def most(shape: Any) -> int:
    return int(shape.metadata.get("max", LONGEST))


def valid(shape: Any, rng: random.Random, *, inside: bool = True) -> Any:
    """The least valid value of a shape: required members only, one item in a list, no structure `inside` empty."""
    kind = shape.type_name
    if kind == "structure":
        return _structure(shape, rng, inside)
    if kind == "list":
        return [valid(shape.member, rng) for _ in range(max(least(shape), min(1, most(shape))))]
    if kind == "map":
        return _map(shape, rng)
    if kind == "string":
        return text(shape, rng)
    return _SCALARS[kind](shape)


def _structure(shape: Any, rng: random.Random, inside: bool) -> dict[str, Any]:
    filled = _LEAST_INSIDE.get((shape.name, next(iter(shape.members), "")))
    if filled:
        return dict(filled)
    simple = [name for name, member in shape.members.items() if member.type_name in ("string", *_SCALARS)]
    names = shape.required_members or (
        list(shape.members)[:1] if shape.is_tagged_union else simple[:1] if inside else ()
    )
    return {name: member(name, shape, rng) for name in names}


def member(name: str, of: Any, rng: random.Random) -> Any:
    """The least valid value of a structure's member, and one that is provided here, where there is a choice."""
    shape = of.members[name]
    provided = _PROVIDED.get(name) if shape.type_name == "string" else None
    is_allowed = provided and (provided in shape.enum if shape.enum else _is_text(shape, provided))
    return provided if is_allowed else valid(shape, rng)


def _map(shape: Any, rng: random.Random) -> dict[str, Any]:
    keys = shape.key.enum or [text(shape.key, rng)]
    wanted = max(least(shape), min(1, most(shape)))
    numbered = [*keys, *(f"{keys[0]}{number}" for number in range(wanted))]
    return {key: valid(shape.value, rng) for key in numbered[:wanted]}


def text(shape: Any, rng: random.Random) -> str:
    """A valid text; `ValueError` when none is found, which is a gap of `patterns`."""
    if shape.enum:
        return str(rng.choice(shape.enum))
    low, high = least(shape), most(shape)
    pattern = shape.metadata.get("pattern")
    for liked in (ARN if is_arn(shape) else NAMELESS, "nope-1", "/nope", "0"):
        if _is_text(shape, liked):
            return liked
    if not pattern:
        return (NAMELESS * (low // 4 + 1))[: max(low, min(high, 4))]
    found = patterns.matching(pattern, low, high, rng)
    if found is None:
        raise ValueError(f"no text found for {shape.name}: {pattern!r}, {low} to {high} characters")
    return found


def _is_text(shape: Any, text: str) -> bool:
    pattern = shape.metadata.get("pattern")
    return least(shape) <= len(text) <= most(shape) and (not pattern or patterns.is_match(pattern, text))


def is_arn(shape: Any) -> bool:
    """Whether its texts are ARNs, by the name of the shape."""
    return bool(shape.name.lower().endswith("arn"))


def _number(shape: Any) -> int:
    return max(least(shape), min(1, most(shape)))


_SCALARS: dict[str, Any] = {
    "integer": _number,
    "long": _number,
    "float": lambda shape: float(_number(shape)),
    "double": lambda shape: float(_number(shape)),
    "boolean": lambda _shape: False,
    "timestamp": lambda _shape: MOMENT,
    "blob": lambda shape: (NAMELESS * (least(shape) // 4 + 1)).encode()[: max(least(shape), 4)],
    "character": lambda _shape: "n",
}
