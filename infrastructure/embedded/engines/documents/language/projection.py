"""Projections: which fields of a document an answer shows."""

from collections.abc import Callable, Mapping
from typing import Any

from infrastructure.embedded.engines.documents.errors import CommandError, not_provided

Tree = dict[str, Any]


def projected(specification: Mapping[str, Any] | None) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """What shows a document's part; `CommandError` for a specification that MongoDB refuses or that is not provided."""
    fields = dict(specification or {})
    shows_id = bool(fields.pop("_id", True))
    for path, value in fields.items():
        if not isinstance(value, int | float):
            raise not_provided(f"the projection of {path} by an expression")
    wanted = {bool(value) for value in fields.values()}
    if len(wanted) > 1:
        raise CommandError(31254, "Cannot do exclusion on a field in inclusion projection, or the other way round")
    tree = _tree(tuple(fields))
    if wanted == {True} or (not fields and specification and shows_id):
        return lambda document: _with_id(_included(document, tree), document, shows_id=shows_id)
    if not shows_id:
        tree["_id"] = {}
    return lambda document: _excluded(document, tree) if tree else document


def _tree(paths: tuple[str, ...]) -> Tree:
    tree: Tree = {}
    for path in paths:
        place = tree
        for part in path.split("."):
            place = place.setdefault(part, {})
    return tree


def _with_id(shown: dict[str, Any], document: Mapping[str, Any], *, shows_id: bool) -> dict[str, Any]:
    return {"_id": document["_id"], **shown} if shows_id and "_id" in document else shown


def _included(value: Any, tree: Tree) -> Any:
    return {name: _part(value[name], below, _included) for name, below in tree.items() if _shows(value, name, below)}


def _shows(value: Mapping[str, Any], name: str, below: Tree) -> bool:
    return name in value and (not below or isinstance(value[name], dict | list))


def _excluded(value: Any, tree: Tree) -> Any:
    return {
        name: _part(each, tree[name], _excluded) if name in tree else each
        for name, each in value.items()
        if name not in tree or tree[name]
    }


def _part(value: Any, below: Tree, cut: Callable[[Any, Tree], Any]) -> Any:
    if not below:
        return value
    if isinstance(value, list):
        kept = value if cut is _excluded else [each for each in value if isinstance(each, dict | list)]
        return [_part(each, below, cut) for each in kept]
    return cut(value, below) if isinstance(value, dict) else value
