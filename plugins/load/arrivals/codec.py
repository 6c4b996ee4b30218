"""Arrival shapes as JSON values: how a plan crosses into the generator's process."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Protocol

from plugins.load.arrivals.shape import Arrivals
from plugins.load.arrivals.stages import Stage, Stages

Json = float | int | str | Mapping[str, "Json"] | Sequence["Json"]


class _Kinds(Protocol):
    def __call__(self, name: str) -> type[Arrivals]: ...


def encode(arrivals: Arrivals) -> Json:
    """`{"shape": name, field: value, ...}`; nested shapes likewise."""
    if isinstance(arrivals, Stages):
        stages = [{"name": stage.name, "arrivals": encode(stage.arrivals)} for stage in arrivals.stages]
        return {"shape": arrivals.name, "stages": stages}
    values = {field.name: getattr(arrivals, field.name) for field in fields(arrivals)}  # type: ignore[arg-type]  # a Protocol cannot say "dataclass"
    return {"shape": arrivals.name} | {k: v if isinstance(v, (int, float)) else encode(v) for k, v in values.items()}


def decode(value: Json, kind: _Kinds) -> Arrivals:
    """The shape written by `encode`; `kind` finds a class by its name."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is no arrival shape; one is an object with a 'shape'")
    shape = kind(str(value["shape"]))
    if shape is Stages:
        return Stages(stages=tuple(_stage(item, kind) for item in _items(value["stages"])))
    values = {k: decode(v, kind) if isinstance(v, Mapping) else v for k, v in value.items() if k != "shape"}
    return shape(**values)


def _items(value: Json) -> Sequence[Json]:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return value
    raise TypeError(f"{value!r} is no list of stages")


def _stage(value: Json, kind: _Kinds) -> Stage:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is no stage; one has a 'name' and 'arrivals'")
    return Stage(name=str(value["name"]), arrivals=decode(value["arrivals"], kind))
