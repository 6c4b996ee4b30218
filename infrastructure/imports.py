"""What a module imports, found by reading it: the project's own files, and the names of what is not the project's.

Nothing is imported or run. Imports inside functions count; those below `if TYPE_CHECKING` do not, since they never run.
An import inside a `try` that catches ImportError is optional. `importlib.import_module` with a computed name cannot be
seen: what is packaged must not rely on it.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from infrastructure.errors import EnvironmentFault

_CATCHES_IMPORT_ERRORS = frozenset({"ImportError", "ModuleNotFoundError", "Exception"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """A module that is neither the project's nor Python's. `where` is the first import of it, as `file:line`."""

    name: str
    where: str
    is_optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Imports:
    """Everything that importing one module reads. `files` are relative to the root; `foreign` by top-level name."""

    files: tuple[Path, ...]
    foreign: Mapping[str, Foreign]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Import:
    """One imported module, or a name that may be one (`maybe`): `from package import name` does not tell."""

    module: str
    line: int
    is_optional: bool
    maybe: bool = False


def follow(module: str, root: Path, own: Iterable[str] = ("services",)) -> Imports:
    """All that importing `module` brings in; `own` are the top-level packages below `root` that are the project's.

    `EnvironmentFault` names a module of the project that is not there and the file that imports it.
    """
    owned = frozenset(own)
    files: set[Path] = set()
    foreign: dict[str, Foreign] = {}
    waiting = [(module, "the entry point")]
    while waiting:
        name, where = waiting.pop()
        for file in _files_of(name, root, where) - files:
            files.add(file)
            for found in _imports_of(file, root):
                place = f"{file.as_posix()}:{found.line}"
                top = found.module.partition(".")[0]
                if top in owned:
                    if not found.maybe or _file(found.module, root) is not None:
                        waiting.append((found.module, place))
                elif top not in sys.stdlib_module_names:
                    _note(foreign, Foreign(name=top, where=place, is_optional=found.is_optional))
    return Imports(files=tuple(sorted(files)), foreign=dict(sorted(foreign.items())))


def _note(foreign: dict[str, Foreign], found: Foreign) -> None:
    """Keep the first place, and one that needs the module rather than one that can do without it."""
    known = foreign.get(found.name)
    order = (found.is_optional, found.where)
    if known is None or order < (known.is_optional, known.where):
        foreign[found.name] = found


def _files_of(module: str, root: Path, where: str) -> set[Path]:
    """The file of `module` and the `__init__` of each package it lies in."""
    parts = module.split(".")
    found = {_file(".".join(parts[:depth]), root) for depth in range(1, len(parts) + 1)}
    if _file(module, root) is None:
        raise EnvironmentFault(
            f"the module {module!r}, needed by {where}, is not below {root}: correct the import, or the entry in"
            " services/catalog.py"
        )
    return {file for file in found if file is not None and (root / file).is_file()}


def _file(module: str, root: Path) -> Path | None:
    """Where `module` lies, relative to `root`; a package without `__init__` is its folder. None when it is nowhere."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if (root / candidate).is_file():
            return candidate
    return path if (root / path).is_dir() else None


def _imports_of(file: Path, root: Path) -> Iterator[_Import]:
    tree = ast.parse((root / file).read_bytes(), filename=str(file))
    package = file.parent.as_posix().replace("/", ".")
    yield from _in_body(tree.body, package, is_optional=False)


def _in_body(body: Iterable[ast.AST], package: str, *, is_optional: bool) -> Iterator[_Import]:
    for node in body:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _Import(module=alias.name, line=node.lineno, is_optional=is_optional)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node, package, is_optional=is_optional)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            yield from _in_body(node.orelse, package, is_optional=is_optional)
        elif isinstance(node, ast.Try) and _is_guarded(node):
            yield from _in_body(node.body, package, is_optional=True)
            yield from _in_body([*node.handlers, *node.orelse, *node.finalbody], package, is_optional=is_optional)
        else:
            yield from _in_body(ast.iter_child_nodes(node), package, is_optional=is_optional)


def _from(node: ast.ImportFrom, package: str, *, is_optional: bool) -> Iterator[_Import]:
    base = node.module or ""
    if node.level:
        parents = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join((*parents, *filter(None, (node.module,))))
    yield _Import(module=base, line=node.lineno, is_optional=is_optional)
    for alias in node.names:
        yield _Import(module=f"{base}.{alias.name}", line=node.lineno, is_optional=is_optional, maybe=True)


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )


def _is_guarded(node: ast.Try) -> bool:
    """Does one of its handlers catch a failed import?"""
    for handler in node.handlers:
        if handler.type is None:
            return True
        caught = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
        if any(isinstance(each, ast.Name) and each.id in _CATCHES_IMPORT_ERRORS for each in caught):
            return True
    return False
