"""What a module imports, found by reading it: the project's own files, and the names of what is not the project's.

Nothing is imported or run. Imports inside functions count; those below `if TYPE_CHECKING` do not, since they never run.
An import inside a `try` that catches ImportError is optional. `importlib.import_module` with a computed name cannot be
seen: what is packaged must not rely on it.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.util import resolve_name
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


def follow(module: str, root: Path) -> Imports:
    """All that importing `module` brings in; its top-level package, below `root`, is the project's.

    `EnvironmentFault` names a module of the project that is not there and the file that imports it.
    """
    own = module.partition(".")[0]
    files: set[Path] = set()
    foreign: list[Foreign] = []
    waiting = [(module, "the entry point")]
    while waiting:
        name, where = waiting.pop()
        for file in _files_of(name, root, where) - files:
            files.add(file)
            for found in _imports_of(file, root):
                place = f"{file.as_posix()}:{found.line}"
                top = found.module.partition(".")[0]
                if top == own:
                    if not found.maybe or _file(found.module, root) is not None:
                        waiting.append((found.module, place))
                elif top not in sys.stdlib_module_names:
                    foreign.append(Foreign(name=top, where=place, is_optional=found.is_optional))
    # Of each the first place, and one that needs the module rather than one that can do without it.
    foreign.sort(key=lambda each: (each.is_optional, each.where), reverse=True)
    return Imports(files=tuple(sorted(files)), foreign={each.name: each for each in foreign})


def _files_of(module: str, root: Path, where: str) -> set[Path]:
    """The file of `module` and the `__init__` of each package it lies in."""
    parts = module.split(".")
    found = {_file(".".join(parts[: depth + 1]), root) for depth in range(len(parts))}
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
    base = resolve_name("." * node.level + (node.module or ""), package)
    yield _Import(module=base, line=node.lineno, is_optional=is_optional)
    for alias in node.names:
        yield _Import(module=f"{base}.{alias.name}", line=node.lineno, is_optional=is_optional, maybe=True)


def _is_type_checking(test: ast.expr) -> bool:
    return getattr(test, "attr", getattr(test, "id", "")) == "TYPE_CHECKING"


def _is_guarded(node: ast.Try) -> bool:
    """Does one of its handlers catch a failed import?"""
    types = [handler.type for handler in node.handlers]
    caught = {each.id for kind in types if kind for each in ast.walk(kind) if isinstance(each, ast.Name)}
    return None in types or not caught.isdisjoint(_CATCHES_IMPORT_ERRORS)
