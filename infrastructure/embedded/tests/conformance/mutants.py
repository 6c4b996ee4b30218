"""What is wrong in one place and right in all others. Pure: the generator is passed in."""

import random
from collections.abc import Iterator
from typing import Any, NamedTuple

from infrastructure.embedded.tests.conformance import patterns, values
from infrastructure.embedded.tests.conformance.wire import UNKNOWN, Raw

DEEPEST = 2
"""Structures inside each other that are entered: the operation's members, and those of one level below."""


class Mutant(NamedTuple):
    """`kind` of mistake, at the member `path`, in an otherwise valid `value`."""

    kind: str
    path: str
    value: Any
    is_empty: bool = False
    """Whether nothing is left of what was made too short, or of the structure that a member is missing in."""


_WRONG: dict[str, Any] = {
    "integer": "seven",
    "long": "seven",
    "float": "seven",
    "double": "seven",
    "boolean": "maybe",
    "timestamp": "yesterday",
    "blob": "%%%",
    "structure": "nope",
    "list": "nope",
    "map": "nope",
}


def mutants(shape: Any, rng: random.Random, depth: int = 0) -> Iterator[Mutant]:
    """Each way to be wrong that the model knows of, once per place."""
    kind = shape.type_name
    if kind == "structure":
        if not shape.is_document_type:
            yield from _structure(shape, rng, depth)
    elif kind == "list":
        yield from _list(shape, rng, depth)
    elif kind == "map":
        yield from _map(shape, rng, depth)
    elif kind == "string":
        yield from _string(shape)
    elif kind in ("integer", "long", "float", "double"):
        yield from _number(shape)
    elif kind == "blob":
        yield from _sized(shape, lambda count: b"n" * count)
    if depth:
        yield Mutant("type", "", Raw(_WRONG.get(kind, 7)))


def _structure(shape: Any, rng: random.Random, depth: int) -> Iterator[Mutant]:
    base = values.valid(shape, rng, inside=depth > 0)
    for name in shape.required_members:
        rest = {key: value for key, value in base.items() if key != name}
        yield Mutant("missing", name, rest, is_empty=not rest)
    yield Mutant("unknown", UNKNOWN, {**base, UNKNOWN: "nope"})
    for name, member in shape.members.items() if depth < DEEPEST else ():
        rest = {} if shape.is_tagged_union else base
        for inner in mutants(member, rng, depth + 1):
            yield inner._replace(path=f"{name}.{inner.path}".rstrip("."), value={**rest, name: inner.value})


def _list(shape: Any, rng: random.Random, depth: int) -> Iterator[Mutant]:
    yield from _sized(shape, lambda count: [values.valid(shape.member, rng)] * count)
    count = max(values.least(shape), 1)
    for inner in mutants(shape.member, rng, max(depth, 1)):
        others = [values.valid(shape.member, rng) for _ in range(count - 1)]
        yield inner._replace(path=f"1.{inner.path}".rstrip("."), value=[inner.value, *others])


def _map(shape: Any, rng: random.Random, depth: int) -> Iterator[Mutant]:
    base = values.valid(shape, rng)
    if values.least(shape) > 0:
        yield Mutant("min", "", dict(list(base.items())[: values.least(shape) - 1]))
    key, value = next(iter(base.items()), (values.NAMELESS, None))
    rest = {name: each for name, each in base.items() if name != key}
    for inner in mutants(shape.value, rng, max(depth, 1)):
        yield inner._replace(path=f"value.{inner.path}".rstrip("."), value={key: inner.value, **rest})
    for inner in _string(shape.key):
        yield Mutant(inner.kind, "key", {inner.value: value, **rest})


def _string(shape: Any) -> Iterator[Mutant]:
    if shape.enum:
        yield Mutant("enum", "", "nope")
        return
    yield from _sized(shape, lambda count: "n" * count)
    pattern = shape.metadata.get("pattern")
    if pattern:
        wrong = patterns.violating(pattern, values.least(shape), values.most(shape))
        if wrong is not None:
            yield Mutant("pattern", "", wrong)
    elif values.is_arn(shape):
        yield Mutant("nonsense", "", (values.NAMELESS * values.LONGEST)[: max(values.least(shape), 4)])


def _number(shape: Any) -> Iterator[Mutant]:
    if "min" in shape.metadata:
        yield Mutant("min", "", values.least(shape) - 1)
    if "max" in shape.metadata:
        yield Mutant("max", "", int(shape.metadata["max"]) + 1)


def _sized(shape: Any, make: Any) -> Iterator[Mutant]:
    if values.least(shape) > 0:
        made = make(values.least(shape) - 1)
        yield Mutant("min", "", made, is_empty=made == [])
    if values.most(shape) < values.LONGEST:
        yield Mutant("max", "", make(values.most(shape) + 1))
