"""Who applied what to an object: server-side apply over the records in `metadata.managedFields`."""

import json
from collections.abc import Mapping
from typing import Any

from infrastructure.embedded.kubernetes.patches import apply
from infrastructure.embedded.kubernetes.patches.apply import Conflicts, Path
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.schema.types import Field
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Draft, Object

Entry = Mapping[str, Any]


def applied(
    before: Object | None, wanted: Draft, kind: Kind, manager: str, now: str, *, is_forced: bool, part: str
) -> Draft:
    """The object with what `manager` wants in it, and without what it wanted before and does not any more.

    `Conflicts` when another manager applied another value, unless it `is_forced`.
    """
    own = apply.own_fields(wanted, kind.name)
    if before is None:
        wanted["metadata"]["managedFields"] = [_entry(manager, own, kind, now, part)]
        return wanted
    others = _others(before, manager, part)
    clashing = [(each["manager"], path) for each, paths in others for path in sorted(paths & own)]
    changed = [
        (whose, path) for whose, path in clashing if apply.value_at(before, path) != apply.value_at(wanted, path)
    ]
    if changed and not is_forced:
        raise Conflicts([(whose, dotted(path)) for whose, path in changed])
    taken = {path for _, path in changed}
    kept = [(each, paths - taken) for each, paths in others]
    shared = set().union(*(paths for _, paths in kept)) if kept else set()
    made: Draft = before  # type: ignore[assignment]  # never changed in place below
    for path in sorted(_former(before, manager, part) - own, key=len):  # an item before what is in it
        if not any(each[: len(path)] == path for each in shared) and not _is_key(path):
            made = apply.without(made, path)
    made = apply.merged(made, wanted, Field(shape="", type=kind.name))
    entries = [{**each, "fieldsV1": apply.tree(paths)} for each, paths in kept if paths]
    others_kept = [each for each in objects.meta(before).get("managedFields") or () if each["operation"] != "Apply"]
    managed = [*others_kept, *entries, _entry(manager, own, kind, now, part)]
    if _same(managed, objects.meta(before).get("managedFields") or ()):
        managed = objects.meta(before)["managedFields"]  # nothing new: neither is the time
    made["metadata"] = {**made["metadata"], "managedFields": managed}
    return made


def _is_key(path: Path) -> bool:
    """Whether it is the member by which an item of a list is known: that goes with the item, and not before."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def dotted(path: Path) -> str:
    """A field as messages have it: `.spec.template.spec.containers[name="a"].image`."""
    text = ""
    for part in path:
        if part.startswith("f:"):
            text += f".{part[2:]}"
        else:
            text += (
                part[2:].replace("{", "[").replace("}", "]").replace('": ', "=").replace('["', "[").replace(', "', ",")
            )
    return text


def _entry(manager: str, own: set[Path], kind: Kind, now: str, part: str) -> dict[str, Any]:
    made = {"manager": manager, "operation": "Apply", "apiVersion": kind.api_version, "time": now}
    below = {"subresource": part} if part else {}
    return {**made, "fieldsType": "FieldsV1", "fieldsV1": apply.tree(own), **below}


def _applies(before: Object) -> list[Entry]:
    return [each for each in objects.meta(before).get("managedFields") or () if each["operation"] == "Apply"]


def _is(entry: Entry, manager: str, part: str) -> bool:
    return bool(entry["manager"] == manager and entry.get("subresource", "") == part)


def _others(before: Object, manager: str, part: str) -> list[tuple[Entry, set[Path]]]:
    return [(each, set(apply.paths_of(each["fieldsV1"]))) for each in _applies(before) if not _is(each, manager, part)]


def _former(before: Object, manager: str, part: str) -> set[Path]:
    own = [each for each in _applies(before) if _is(each, manager, part)]
    return set(apply.paths_of(own[0]["fieldsV1"])) if own else set()


def _same(one: Any, other: Any) -> bool:
    return [{**each, "time": ""} for each in one] == [{**each, "time": ""} for each in other]
