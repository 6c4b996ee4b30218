"""The cases of an operation: the least valid request, what is wrong in one place, and the same compressed."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.model import OperationModel

from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.tests.conformance import values, wire
from infrastructure.embedded.tests.conformance.mutants import Mutant, mutants


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what is wrong with it. `kind` `valid`, `walk`, `gzip`: nothing; `nonsense`: perhaps something."""

    api: Api
    operation: OperationModel
    kind: str
    path: str
    request: HttpRequest
    plain: HttpRequest | None = None
    """The same request uncompressed, where `request` is compressed."""

    @property
    def name(self) -> str:
        return f"{self.api.key}:{self.operation.name}:{self.kind}:{self.path}".rstrip(":")


def cases(api: Api, of: OperationModel, seed: int) -> Iterator[Case]:
    """All cases of an operation, the same ones for the same seed."""
    rng = random.Random(f"{seed}:{api.key}:{of.name}")  # noqa: S311  nothing is secret
    shape = of.input_shape
    base = (values.valid(shape, rng, inside=False) if shape else {}) | values.NEEDED.get(of.name, {})
    plain = wire.request(api, of, base)
    yield Case(api=api, operation=of, kind="valid", path="", request=plain)
    if plain.body and not codec.is_stream(shape):
        yield Case(api=api, operation=of, kind="gzip", path="", request=wire.gzipped(plain), plain=plain)
    if shape is None:
        return
    for name in shape.members:
        if name not in base:
            whole = {**base, name: values.member(name, shape, rng)}
            yield Case(api=api, operation=of, kind="valid", path=name, request=wire.request(api, of, whole))
    whole = {name: values.member(name, shape, rng) for name in shape.members if name != "DryRun"}
    yield Case(api=api, operation=of, kind="valid", path="*", request=wire.request(api, of, whole))
    for mutant in mutants(shape, rng):
        if _is_sayable(api, shape, mutant):
            asked = wire.request(api, of, mutant.value)
            if asked != plain:  # an empty list or map leaves no trace in a form of EC2
                yield Case(api=api, operation=of, kind=mutant.kind, path=mutant.path, request=asked)


def _is_sayable(api: Api, shape: Any, mutant: Mutant) -> bool:
    """Whether the protocol can express the mistake, so that it still is a request for this operation."""
    name, *inside = mutant.path.split(".")
    member = shape.members.get(name)
    if member is None:  # an unknown member
        return not api.protocol.startswith("rest") or _has_document(shape)
    traceless = {"query": ("missing",), "ec2": ("missing", "min")}.get(api.protocol, ())
    if mutant.is_empty and mutant.kind in traceless and (inside or mutant.kind == "min"):
        return False  # what is empty leaves no trace in a form
    location, kind = member.serialization.get("location"), member.type_name
    value = mutant.value.get(name)
    if location == "uri":
        return value not in (None, "") and not (mutant.kind == "type" and kind == "string")
    if mutant.kind == "type":
        return _is_type_sayable(api, shape, mutant)
    if location in ("header", "headers", "querystring"):
        return kind not in ("list", "map") or not (mutant.kind == "min" and not inside)
    return name != shape.serialization.get("payload") or not codec.is_stream(shape)


def _has_document(shape: Any) -> bool:
    bodies = [each for each in shape.members.values() if "location" not in each.serialization]
    return bool(bodies) and not shape.serialization.get("payload")


def _is_type_sayable(api: Api, shape: Any, mutant: Mutant) -> bool:
    found, protocol = _at(shape, mutant.path), api.protocol
    member = shape.members[mutant.path.split(".")[0]]
    if "location" in member.serialization:
        return found.type_name not in ("string", "list", "map", "structure", "blob")
    if codec.is_stream(shape):
        return False
    return protocol in ("json", "rest-json") or found.type_name != "string"


def _at(shape: Any, path: str) -> Any:
    for step in path.split("."):
        if shape.type_name == "structure":
            shape = shape.members[step]
        else:
            shape = shape.member if shape.type_name == "list" else shape.key if step == "key" else shape.value
    return shape
