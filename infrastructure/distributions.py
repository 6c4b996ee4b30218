"""What is installed here, as the content of a Lambda layer: which distribution provides a module, and all it requires.

The files of a distribution are those of its RECORD (packaging.python.org, "Recording installed projects"), which also
has their hashes: a layer's content is known without reading it.
"""

import importlib.metadata
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import Distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infrastructure.errors import EnvironmentFault
from infrastructure.imports import Foreign

RUNTIME = frozenset({"awslambdaric", "boto3", "botocore"})
"""What AWS's Python runtimes bring along. What these require is there too, but no code may count on it."""
_NOT_PACKED = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
"""Notes of the installer: they differ from machine to machine."""
_MANYLINUX = ("manylinux1", "manylinux2010", "manylinux2014")
"""PEP 600's older names: glibc 2.5, 2.12 and 2.17, all older than Lambda's."""
_Found = dict[str, tuple[Distribution, frozenset[str]]]
"""Distributions by name, each with the extras of it that are seen to."""
_REINSTALL = "install the project's dependencies again (make clean, make check)"


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of a distribution. `path` is relative to where modules are looked for; `hash` as RECORD writes it."""

    path: str
    source: Path
    hash: str

    def read(self) -> bytes:
        """Its content, which must be what RECORD says it is; `EnvironmentFault` when it is not, or is not there."""
        try:
            content = self.source.read_bytes()
        except OSError as problem:
            raise EnvironmentFault(f"{self.source} cannot be read: {problem}; {_REINSTALL}") from problem
        if self.hash and self.hash != _hash(content):
            raise EnvironmentFault(f"{self.source} is not what was installed (RECORD has another hash); {_REINSTALL}")
        return content


def needed(foreign: Iterable[Foreign], extras: Mapping[str, frozenset[str]] | None = None) -> tuple[Distribution, ...]:
    """The distributions that `foreign` modules need at run time, without those that the runtime brings.

    `extras` are those to install of a distribution, by its name; by default those the project asks for in
    pyproject.toml. `EnvironmentFault` names a module that nothing provides, with the file that imports it.
    """
    wanted = asked_extras() if extras is None else extras
    found: _Found = {}
    for module in foreign:
        if module.name in RUNTIME:
            continue
        provider = _provider(module.name)
        if provider is not None:
            _require(provider, wanted, found)
        elif not module.is_optional:
            raise EnvironmentFault(
                f"nothing that is installed provides the module {module.name!r}, which {module.where} imports: the"
                " package would fail at its first start. Add its distribution to the dependencies in pyproject.toml"
                " and install it, or take the import away"
            )
    return tuple(distribution for distribution, _ in found.values())


@cache
def asked_extras() -> Mapping[str, frozenset[str]]:
    """The extras that the project's own requirements ask for, by distribution; empty where it is not installed."""
    try:
        lines = importlib.metadata.requires("cloudcafe") or ()
    except importlib.metadata.PackageNotFoundError:
        return {}
    requirements = (Requirement(line) for line in lines)
    return {canonicalize_name(each.name): frozenset(each.extras) for each in requirements if each.extras}


def check_for_aws(
    distributions: Iterable[Distribution], *, is_lambda: bool, python: tuple[int, int], machine: str
) -> None:
    """`EnvironmentFault` names the distributions that were installed as wheels which cannot run there.

    Instances run Amazon Linux 2023, with glibc 2.34; Lambda has glibc 2.26 up to Python 3.11 and 2.34 from 3.12 on
    (AWS Lambda Developer Guide, "Lambda runtimes": Amazon Linux 2 and 2023).
    """
    glibc = 26 if is_lambda and python < (3, 12) else 34
    where = "AWS Lambda's" if is_lambda else "Amazon Linux 2023's"
    fit = {
        "any",
        *(f"{tag}_{machine}" for tag in (*_MANYLINUX, *(f"manylinux_2_{minor}" for minor in range(glibc + 1)))),
    }
    unfit = [each.name for each in distributions if fit.isdisjoint(_platforms(each))]
    if unfit:
        raise EnvironmentFault(
            f"installed here for a platform that is not {where} (Linux, {machine}, glibc 2.{glibc}):"
            f" {', '.join(sorted(unfit))}. Deploy from Linux on {machine} with Python"
            f" {python[0]}.{python[1]}, where the layer takes the wheels that are installed"
        )


def _platforms(distribution: Distribution) -> list[str]:
    """The platforms that the wheel it was installed from is tagged with."""
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    return [tag for line in lines if line.startswith("Tag:") for tag in line.rpartition("-")[2].strip().split(".")]


def _provider(module: str) -> Distribution | None:
    """The installed distribution that has the top-level `module`. Most are called as their module is."""
    with suppress(importlib.metadata.PackageNotFoundError):
        guess = importlib.metadata.distribution(module)
        if any(path.parts[0].partition(".")[0] == module for path in guess.files or ()):
            return guess
    names = _all_providers().get(module)  # looks at every distribution: half a second
    return importlib.metadata.distribution(names[0]) if names else None


_all_providers = cache(importlib.metadata.packages_distributions)


def _require(distribution: Distribution, extras: Mapping[str, frozenset[str]], found: _Found) -> None:
    """Add a distribution and what it requires to `found`; again where more of its extras are asked for than before."""
    name = canonicalize_name(distribution.name)
    wanted = extras.get(name, frozenset())
    if name in RUNTIME or (name in found and wanted <= found[name][1]):
        return
    found[name] = distribution, wanted | (found[name][1] if name in found else frozenset())
    for line in distribution.requires or ():
        requirement = Requirement(line)
        if _applies(requirement, wanted):
            asked = {**extras}
            if requirement.extras:
                other = canonicalize_name(requirement.name)
                asked[other] = asked.get(other, frozenset()) | requirement.extras
            _require(_installed(requirement.name, distribution.name), asked, found)


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _installed(name: str, by: str) -> Distribution:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        raise EnvironmentFault(f"{name}, which {by} requires, is not installed; {_REINSTALL}") from None


def files_of(distributions: Iterable[Distribution]) -> Iterator[File]:
    """What of them belongs into a package, with RECORD's hashes."""
    for distribution in distributions:
        if distribution.files is None:
            raise EnvironmentFault(f"{distribution.name} has no record of its files; install it from a wheel")
        for path in distribution.files:
            is_note = path.parent.name.endswith(".dist-info") and path.name in _NOT_PACKED
            if ".." in path.parts or "__pycache__" in path.parts or path.suffix == ".pyc" or is_note:
                continue
            hashed = f"{path.hash.mode}={path.hash.value}" if path.hash else ""
            yield File(path=path.as_posix(), source=Path(str(path.locate())), hash=hashed)


def _hash(content: bytes) -> str:
    return f"sha256={urlsafe_b64encode(sha256(content).digest()).rstrip(b'=').decode()}"
