"""The forms that objects go out in: as they are, as rows of a table, or as metadata alone; single, listed, watched.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

import orjson

from infrastructure.embedded.kubernetes.schema.columns import columns
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store

Form = Literal["plain", "table", "metadata"]
_META = "meta.k8s.io/v1"


def form_of(accept: str) -> Form:
    """The first form in an Accept header that we write."""
    for each in accept.split(","):
        parameters = {part.strip() for part in each.split(";")}
        if parameters & {"as=Table"} and "g=meta.k8s.io" in parameters:
            return "table"
        if parameters & {"as=PartialObjectMetadata", "as=PartialObjectMetadataList"}:
            return "metadata"
        if parameters & {"application/json", "*/*", "application/*", "application/yaml"}:
            break
    return "plain"


class Writer:
    """Writes objects of one kind in one form. `include` is what a table's rows carry of their objects."""

    def __init__(self, kind: Kind, form: Form, store: Store, clock: Callable[[], float], include: str = "") -> None:
        self.kind = kind
        self.form = form
        self.key = f"{form}{include}"
        self._store = store
        self._clock = clock
        self._include = include or "Metadata"

    def one(self, of: Object) -> bytes:
        """One object, in a table of one row."""
        if self.form == "table":
            return orjson.dumps(self._table([of], {"resourceVersion": of["metadata"].get("resourceVersion", "")}))
        return self._written(of)

    def many(self, found: Iterable[Object], meta: Mapping[str, Any]) -> bytes:
        """A list; `meta` has its version, and where it goes on."""
        if self.form == "table":
            return orjson.dumps(self._table(found, meta))
        if self.form == "metadata":
            head = {"kind": "PartialObjectMetadataList", "apiVersion": _META, "metadata": meta}
        else:
            head = {"kind": f"{self.kind.name}List", "apiVersion": self.kind.api_version, "metadata": meta}
        return orjson.dumps(head)[:-1] + b',"items":[' + b",".join(map(self._written, found)) + b"]}"

    def event(self, kind: str, of: Object, *, is_first: bool) -> bytes:
        """One line of a watch; a table's columns are in the first."""
        if self.form == "table":
            table = self._table([of], {"resourceVersion": of["metadata"]["resourceVersion"]}, has_head=is_first)
            written = orjson.dumps(table)
        else:
            written = self._written(of)
        return b'{"type":"' + kind.encode() + b'","object":' + written + b"}\n"

    def bookmark(self, version: int, *, is_end_of_initial: bool = False) -> bytes:
        """The line that says how far the watch has come."""
        meta: dict[str, Any] = {"resourceVersion": str(version), "creationTimestamp": None}
        if is_end_of_initial:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        of: dict[str, Any] = {"kind": self.kind.name, "apiVersion": self.kind.api_version, "metadata": meta}
        if self.form == "table":
            of = {"kind": "Table", "apiVersion": _META, "metadata": meta, "columnDefinitions": None, "rows": []}
        elif self.form == "metadata":
            of |= {"kind": "PartialObjectMetadata", "apiVersion": _META}
        return orjson.dumps({"type": "BOOKMARK", "object": of}, option=orjson.OPT_APPEND_NEWLINE)

    def _written(self, of: Object) -> bytes:
        if self.form == "metadata":
            return orjson.dumps(_partial(of))
        return self._store.encoded(self.kind.id, of, orjson.dumps)

    def _table(self, found: Iterable[Object], meta: Mapping[str, Any], *, has_head: bool = True) -> dict[str, Any]:
        shown, now = columns(self.kind), self._clock()
        head = [
            {
                "name": each.name,
                "type": each.type,
                "format": "name" if each.name == "Name" else "",
                "description": each.name,
                "priority": int(each.is_wide),
            }
            for each in shown
        ]
        rows = [{"cells": [each.value(of, now) for each in shown], "object": self._carried(of)} for of in found]
        made = {"kind": "Table", "apiVersion": _META, "metadata": meta}
        return {**made, "columnDefinitions": head if has_head else None, "rows": rows}

    def _carried(self, of: Object) -> Any:
        if self._include == "None":
            return None
        return of if self._include == "Object" else _partial(of)


def _partial(of: Object) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": _META, "metadata": of["metadata"]}
