"""Deployment packages of the catalogue's functions, and of what runs on instances, made from this checkout.

    entry point ──follow imports──▶ the project's modules ──▶ code archive
                                └─▶ names of other modules ──▶ distributions ──▶ layer archive (below python/)

The same content makes the same bytes, and the archive is named by its content: an archive that is there is not made
again, one that was uploaded is not uploaded again. Source of the layout: AWS Lambda Developer Guide, "Working with
.zip file archives for Python Lambda functions", "Packaging your layer content".
"""

import hashlib
import importlib.resources
import platform
import secrets
import stat
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from infrastructure import distributions, imports
from infrastructure.distributions import File
from infrastructure.errors import EnvironmentFault
from infrastructure.state import make_private, written_at
from services import catalog
from services.catalog import Service

ROOT = Path(str(importlib.resources.files("services"))).resolve().parent
"""Below it lies the package `services`, in a checkout and where the project is installed."""
KEPT = 8
"""Archives of one name that stay in the cache."""
_FORMAT = b"1"
"""Part of every name: counts up when the same content is to make other bytes."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time a zip archive can say."""
_MACHINES: Mapping[str, str] = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """A zip archive that is named by its content. `key` is its name in the bucket."""

    name: str
    digest: str
    file: Path

    @property
    def key(self) -> str:
        return f"{self.name}/{self.digest}.zip"


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A function's code and layer, and the runtime they were made for, in Lambda's terms (`python3.11`, `x86_64`)."""

    service: str
    code: Archive
    layer: Archive
    runtime: str
    architecture: str

    def parameters(self) -> dict[str, str]:
        """The template parameters that say where it lies: `PaymentCodeKey` and so on."""
        name = self.service.capitalize()
        return {
            f"{name}CodeKey": self.code.key,
            f"{name}LayerKey": self.layer.key,
            f"{name}Runtime": self.runtime,
            f"{name}Architecture": self.architecture,
        }


def build_all(cache: Path, *, for_aws: bool, root: Path = ROOT) -> tuple[Package, ...]:
    """A package for each function of the catalogue, made or taken from the folder `cache`; with `for_aws` also for each
    service on instances, whose images have it in the embedded cloud.

    `EnvironmentFault` names a module that cannot be packaged and who imports it; with `for_aws` also a distribution
    whose installed files do not run on Lambda.
    """
    packaged = (*catalog.functions(), *(catalog.services_on("ec2") if for_aws else ()))
    return tuple(build(service, cache, for_aws=for_aws, root=root) for service in packaged)


def build(service: Service, cache: Path, *, for_aws: bool, root: Path = ROOT) -> Package:
    """The package of one of them; errors as in `build_all`."""
    machine = _MACHINES.get(platform.machine().lower())
    if machine is None:
        raise EnvironmentFault(f"Lambda runs on x86_64 and arm64, this machine is {platform.machine()}")
    read = [imports.follow(module, root) for module in service.modules]
    foreign = {name: each for found in read for name, each in found.foreign.items()}
    needed = distributions.needed(foreign.values())  # refuses what is missing before anything is made
    if for_aws:
        linux = {"arm64": "aarch64"}.get(machine, machine)
        is_lambda = service.platform == "lambda"
        distributions.check_for_aws(needed, is_lambda=is_lambda, python=sys.version_info[:2], machine=linux)
    # Lambda looks for a layer's modules in its folder `python`.
    layer = [replace(file, path=f"python/{file.path}") for file in distributions.files_of(needed)]
    files = {file for found in read for file in found.files}
    code = [File(path=file.as_posix(), source=root / file, hash="") for file in files]
    return Package(
        service=service.name,
        code=archive(f"{service.name}-code", code, cache),
        layer=archive(f"{service.name}-layer", layer, cache),
        runtime=f"python{sys.version_info.major}.{sys.version_info.minor}",
        architecture=machine,
    )


def archive(name: str, files: Iterable[File], cache: Path) -> Archive:
    """The archive of `files` in `cache`, made if it is not there yet. Two that make it at once make the same."""
    contents = sorted(files, key=lambda file: file.path)
    if not contents:
        raise EnvironmentFault(f"{name} would be an empty archive, which Lambda refuses: leave it out of the template")
    digest = _digest(contents)
    target = cache / f"{name}-{digest}.zip"
    if not target.is_file():
        make_private(cache)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:  # whole or not at all: nobody ever uploads half an archive
            _zip(draft, contents)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        _prune(cache, name)
    return Archive(name=name, digest=digest, file=target)


def _digest(files: Iterable[File]) -> str:
    """By paths and contents. What a RECORD says of a file stands for its content, and is checked when it is packed."""
    total = hashlib.sha256(_FORMAT)
    for file in files:
        content = file.hash or hashlib.sha256(file.read()).hexdigest()
        total.update(f"{file.path}\0{content}\n".encode())
    return total.hexdigest()[:32]


def _zip(target: Path, files: Iterable[File]) -> None:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as opened:
        for file in files:
            entry = zipfile.ZipInfo(file.path, date_time=_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, wherever it is made: the mode counts
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            opened.writestr(entry, file.read())


def _prune(cache: Path, name: str) -> None:
    """Keep the latest: every change of the code makes another archive."""
    found = sorted(cache.glob(f"{name}-*.zip"), key=written_at, reverse=True)
    for file in found[KEPT:]:
        file.unlink(missing_ok=True)
