"""Kubernetes' own types, as far as our kinds are made of them: which fields there are, and how lists of them merge.

`types.json` is version 1.37's, written by `generate.py`; `types_aws.json` has those of EKS' own resources, written by
hand. A field is one word there:

    [ or {  a list, or a map by names, of    Container  the type    ~name  a strategic merge joins it by that key
    ^  a strategic merge keeps only the keys it is given    @port,protocol  server-side apply joins it by these
    !  required    =2.5  its number in protobuf: here the fifth of a message that is the second, and no level in JSON

Sources: https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/,
https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy,
https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/targetgroupbinding/spec (in EKS Auto Mode
under a group of its own, and without `targetGroupName`)
"""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_WORD = re.compile(
    r"(?P<shape>[\[{]*)(?P<type>\w+)(?:~(?P<merge>\w*))?(?P<retain>\^)?(?P<map>@[\w,]*)?(?P<need>!)?(?:=(?P<number>[\d.]+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a type. `merge_key` is None for what a strategic merge replaces, empty for a set of plain values.

    `map_keys` is None for what server-side apply replaces as a whole, empty for a set of plain values.
    """

    shape: Literal["", "[", "{"]
    type: str
    merge_key: str | None = None
    retains_keys: bool = False
    map_keys: tuple[str, ...] | None = None
    is_required: bool = False
    number: tuple[int, ...] = ()


Fields = Mapping[str, Field]


@functools.cache
def _words() -> Mapping[str, Mapping[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for each in ("types.json", "types_aws.json"):
        found |= json.loads((Path(__file__).parent / each).read_text(encoding="utf-8"))
    return found


def names() -> tuple[str, ...]:
    """Every type."""
    return tuple(_words())


@functools.cache
def fields(type_name: str) -> Fields | None:
    """The fields of a type; None for plain values, and for what has no type."""
    found = _words().get(type_name)
    return None if found is None else {name: _field(word) for name, word in found.items()}


def _field(word: str) -> Field:
    read = _WORD.fullmatch(word)
    if read is None:
        raise ValueError(f"types.json has a word that is none: {word}")
    keys = read["map"]
    return Field(
        shape=read["shape"][:1],  # type: ignore[arg-type]  # the expression allows no other
        type=read["type"] if len(read["shape"]) < 2 else "any",
        merge_key=read["merge"],
        retains_keys=read["retain"] is not None,
        map_keys=None if keys is None else tuple(filter(None, keys[1:].split(","))),
        is_required=read["need"] is not None,
        number=tuple(map(int, filter(None, (read["number"] or "").split(".")))),
    )
