"""A pod's volumes: a folder each, which its containers find where they mount it, in a view of the files of their own.

    ConfigMap, Secret, token, the pod ──▶ files in the volume's folder ──launcher──▶ at the mount's path, read-only
    emptyDir ───────────────────────────▶ an empty folder ────────────────────────▶ at the mount's path

Started by anybody but root, or where the system gives no views, there is an empty folder at /tmp alone, which every
process has; the token of its service account, which the pod has not asked for, is left out. What changes in a ConfigMap
or Secret is written when the kubelet looks at the pod again, as late as there.
Source: https://kubernetes.io/docs/concepts/storage/volumes/, .../projected-volumes/
"""

import base64
import contextlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from infrastructure.embedded.host import reach
from infrastructure.embedded.kubernetes.kubelet import environment
from infrastructure.embedded.kubernetes.kubelet.images import TMP, Mounts, NoProgram
from infrastructure.embedded.kubernetes.schema import kinds
from infrastructure.embedded.kubernetes.service_accounts import is_injected, is_injected_volume
from infrastructure.embedded.kubernetes.store import objects
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.store import Store
from infrastructure.embedded.kubernetes.tokens import Tokens

Files = Iterator[tuple[str, tuple[bytes, int]]]
"""Each file by its path in the volume: what is in it, and its mode."""
_MODE = 0o644
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILES = frozenset({"configMap", "secret", "downwardAPI", "projected"})
_PROVIDED = ", ".join(sorted((*_FILES, "emptyDir")))
_TOKEN_S, _RENEWED_AT = 3600, 0.8
"""How long a volume's token is good that does not say so, and the part of it after which it is renewed."""


class Unmountable(Exception):
    """A volume cannot be set up yet; the text is the kubelet's."""


class Volumes:
    """Of one pod, below `folder`. Without `tokens` no service account has one."""

    def __init__(
        self, folder: Path, store: Store, tokens: Tokens | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self._folder = folder
        self._store = store
        self._tokens = tokens
        self._clock = clock
        self._has_token = False
        self._issued: dict[tuple[str, str], tuple[str, float]] = {}

    def mounts(self, container: Mapping[str, Any], pod: Object) -> Mounts:
        """What a container is to find where. `NoProgram` for what cannot be had, `Unmountable`."""
        wanted = container.get("volumeMounts") or ()
        if not _has_views():
            other = next((each for each in wanted if not _is_tmp(each, pod)), None)
            if other is None:
                return ()
            raise NoProgram(
                f"volume {other['name']} cannot be mounted at {other['mountPath']}: processes have a view of "
                "the files of their own only where root starts the platform, and the system lets it"
            )
        self.write(pod)
        return tuple(self._mount(each, pod) for each in wanted)

    def injected(self, container: Mapping[str, Any], pod: Object) -> Mounts:
        """Where it finds its service account's token, as the cluster wants it to; nothing where there are no views.

        `Unmountable`.
        """
        wanted = [each for each in container.get("volumeMounts") or () if is_injected(each)]
        if not wanted or not _has_views():
            return ()
        self._has_token = True
        self.write(pod)
        return tuple(self._mount(each, pod) for each in wanted)

    def write(self, pod: Object) -> None:
        """Have the volumes' files be what they are to be now. `Unmountable`, `NoProgram`."""
        for volume in objects.spec(pod).get("volumes") or ():
            if is_injected_volume(volume) and not self._has_token:
                continue
            kind = next((each for each in volume if each != "name"), "emptyDir")
            if kind not in (*_FILES, "emptyDir"):
                told = f"volume {volume['name']} is of type {kind}; the embedded cloud has {_PROVIDED}"
                raise NoProgram(told)
            folder = self._folder / volume["name"]
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777 if kind == "emptyDir" else 0o755)
            if kind in _FILES:
                _fill(folder, dict(self._files(kind, volume[kind], volume["name"], pod)))

    def refresh(self, pod: Object) -> None:
        """Have the files of one that runs follow what they are made of; what is not there leaves them as they are."""
        if self._folder.exists():
            with contextlib.suppress(Unmountable, NoProgram):
                self.write(pod)

    def remove(self) -> None:
        """With the pod."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _mount(self, mount: Mapping[str, Any], pod: Object) -> tuple[str, str, bool]:
        volume = next(each for each in objects.spec(pod).get("volumes") or () if each["name"] == mount["name"])
        is_files = not _FILES.isdisjoint(volume)
        if "subPathExpr" in mount:
            raise NoProgram("subPathExpr is not provided by the embedded cloud; use subPath")
        below = PurePosixPath(mount.get("subPath") or ".")
        if below.is_absolute() or ".." in below.parts or ".." in PurePosixPath(mount["mountPath"]).parts:
            raise NoProgram(f"must not contain '..' nor be absolute: {below}")
        source = _resolved(self._folder / mount["name"], below)
        if not source.exists():
            if is_files:
                raise Unmountable(f"failed to prepare subPath for volumeMount {mount['name']}: {below} is not there")
            _make(self._folder / mount["name"], source)
        return str(source), os.path.normpath(mount["mountPath"]), bool(mount.get("readOnly")) or is_files

    def _files(self, kind: str, source: Mapping[str, Any], name: str, pod: Object) -> Files:
        mode = int(source.get("defaultMode") or _MODE)
        if kind == "projected":
            for each in source.get("sources") or ():
                [(inner, value)] = each.items()
                if inner == "serviceAccountToken":
                    yield value["path"], (self._token(value, name, pod), mode)
                    continue
                if inner not in ("configMap", "secret", "downwardAPI"):
                    raise NoProgram(f"volume {name} projects {inner}, which the embedded cloud does not have")
                yield from self._files(inner, {"defaultMode": mode, **value}, name, pod)
            return
        data = self._downward(source, pod) if kind == "downwardAPI" else self._data(kind, source, name, pod)
        modes = {each.get("path"): int(each.get("mode") or mode) for each in source.get("items") or ()}
        for path, content in data.items():
            yield path, (content, modes.get(path, mode))

    def _token(self, source: Mapping[str, Any], name: str, pod: Object) -> bytes:
        """The one that was made for it, or a new one when four fifths of its time are over."""
        known, renew_at = self._issued.get((name, source["path"]), ("", 0.0))
        now = self._clock()
        if now < renew_at:
            return known.encode()
        account = str(objects.spec(pod).get("serviceAccountName"))
        found = self._store.get(kinds.SERVICE_ACCOUNT.id, (objects.namespace(pod), account))
        if found is None or self._tokens is None:
            told = f'failed to fetch token: serviceaccounts "{account}" not found'
            raise Unmountable(f'MountVolume.SetUp failed for volume "{name}" : {told}')
        lifetime_s = int(source.get("expirationSeconds") or _TOKEN_S)
        made = self._tokens.issue(found, lifetime_s, [source["audience"]] if source.get("audience") else (), pod)
        self._issued[name, source["path"]] = made.token, now + _RENEWED_AT * lifetime_s
        return made.token.encode()

    def _data(self, kind: str, source: Mapping[str, Any], name: str, pod: Object) -> Mapping[str, bytes]:
        of = kinds.CONFIG_MAP if kind == "configMap" else kinds.SECRET
        called = str(source.get("name") or source.get("secretName"))
        found = self._store.get(of.id, (objects.namespace(pod), called))
        if found is None:
            if source.get("optional"):
                return {}
            raise Unmountable(f'MountVolume.SetUp failed for volume "{name}" : {of.singular} "{called}" not found')
        data = {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
        data |= environment.contents(found)
        items = source.get("items")
        if items is None:
            return data
        missing = [each["key"] for each in items if each["key"] not in data]
        if missing and not source.get("optional"):
            told = f'MountVolume.SetUp failed for volume "{name}" : references non-existent {kind} key: {missing[0]}'
            raise Unmountable(told)
        return {each["path"]: data[each["key"]] for each in items if each["key"] in data}

    def _downward(self, source: Mapping[str, Any], pod: Object) -> Mapping[str, bytes]:
        return {each["path"]: environment.downward(each, pod).encode() for each in source.get("items") or ()}


def _resolved(volume: Path, below: PurePosixPath) -> Path:
    """Where `below` leads; `NoProgram` for out of the volume, in which a container may have put any link.

    Without links left in it, so that what is mounted can be seen to be just this.
    """
    volume = volume.resolve()
    source = Path(os.path.realpath(volume / below))  # other than `resolve` it lets a link be that leads to itself
    if not source.is_relative_to(volume):
        raise NoProgram(f"subPath {below} leads out of its volume {volume.name}, by a link there")
    return source


def _make(volume: Path, source: Path) -> None:
    """The folders on the way that are missing. They are opened one in the other: no link in between is followed."""
    volume = volume.resolve()
    at = os.open(volume, _FOLDER)
    try:
        for name in source.relative_to(volume).parts:
            is_new = _made(name, at)
            outer, at = at, os.open(name, _FOLDER, dir_fd=at)
            os.close(outer)
            if is_new:
                os.fchmod(at, 0o777)
    except OSError as problem:
        raise NoProgram(f"subPath {source.relative_to(volume)} cannot be made in its volume: {problem}") from problem
    finally:
        os.close(at)


def _made(name: str, at: int) -> bool:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)
        return True
    return False


def _is_tmp(mount: Mapping[str, Any], pod: Object) -> bool:
    empty = {volume["name"] for volume in objects.spec(pod).get("volumes") or () if "emptyDir" in volume}
    return mount["name"] in empty and mount["mountPath"].rstrip("/") == TMP


def _has_views() -> bool:
    return os.getuid() == 0 and reach.has_views()


def _fill(folder: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    """Each file is put in its place whole; what is not wanted any more goes."""
    for path, (content, mode) in files.items():
        file = folder / PurePosixPath(path)
        if ".." in file.parts:
            raise NoProgram(f"a file of a volume cannot be at {path}")
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists() or file.read_bytes() != content:
            draft = file.with_name(f".{file.name}.new")
            draft.write_bytes(content)
            draft.chmod(mode)
            draft.replace(file)
    for file in [each for each in folder.rglob("*") if each.is_file()]:
        if str(file.relative_to(folder)) not in files:
            file.unlink()
