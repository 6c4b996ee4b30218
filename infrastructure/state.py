"""Where one environment keeps its files: `.cloudcafe/<environment>/`, mode 0700, gone after `down`."""

import dataclasses
import hashlib
import json
import os
import shutil
import stat
import time
from dataclasses import dataclass, field
from pathlib import Path

from infrastructure.errors import EnvironmentFault

MARKER = "CLOUDCAFE_PLATFORM"
"""Environment variable in every child: the state folder it belongs to. A later start finds left-overs by it."""


_ROOTS = Path("/var/tmp/cloudcafe")  # noqa: S108 - made by root alone, checked to be root's
"""Where the processes of root's platforms have their files; a folder for each platform."""
_DIGITS = 16
"""Of such a folder's name."""
_OF = "state-folder"
"""In such a folder, the file that tells whose it is."""
_MAKING_S = 60.0


def make_private(folder: Path) -> tuple[Path, ...]:
    """Make a folder for nobody else to read, as each above it that is not there: `mkdir` leaves those to the umask.

    Returns those that were not there.
    """
    missing = tuple(each for each in (*reversed(folder.parents), folder) if not each.is_dir())
    for each in missing:
        each.mkdir(mode=0o700, exist_ok=True)
    return missing


def make_enterable(folder: Path) -> None:
    """Make a folder, and each above it that is not there, for other users to pass through: they see no names in it.

    As `make_private` for anybody but root, whose platforms alone have other users.
    """
    for each in make_private(folder):
        if os.getuid() == 0:
            each.chmod(0o711)


def write_private(path: Path, content: bytes) -> None:
    """Write a file whole or not at all, for nobody else to read; a reader sees the former one until then."""
    draft = path.with_name(f".{path.name}.draft")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_bytes(content)
    draft.replace(path)


def _remove_forsaken() -> None:
    """Remove what was left of platforms whose state folders are gone."""
    for folder in _ROOTS.glob("[0-9a-f]" * _DIGITS):
        try:
            is_forsaken = not Path((folder / _OF).read_text(encoding="utf-8")).is_dir()
        except FileNotFoundError:  # being made; or made anew by what did not know that its platform had gone
            is_forsaken = time.time() - written_at(folder) > _MAKING_S
        if is_forsaken:
            shutil.rmtree(folder, ignore_errors=True)


def written_at(file: Path) -> float:
    """When `file` was last written, in Unix seconds; 0 for one that has gone since it was listed."""
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return 0.0


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The files of one platform. Nothing here creates anything; owners of a file create it."""

    root: Path

    @classmethod
    def of(cls, environment: str, base: Path) -> "StateFolder":
        """The folder of `environment` below `base` (the project's root, or `CLOUDCAFE_HOME`)."""
        return cls((base / ".cloudcafe" / environment).resolve())

    @property
    def platform(self) -> Path:
        """`platform.json`, a `PlatformRecord` written once the control plane answers."""
        return self.root / "platform.json"

    @property
    def daemon(self) -> Path:
        """Pid and start time (kernel ticks) of the daemon, written before it does anything else."""
        return self.run / "daemon.pid"

    @property
    def logs(self) -> Path:
        """One `<process id>.log` per child process, and `cloud.log` of the supervisor itself."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Unix sockets, pid files, engines' data.

        A platform that root starts runs under other users, who may not enter root's folders: so it has this elsewhere.
        """
        if os.getuid() != 0:
            return self.root / "run"
        return _ROOTS / hashlib.sha256(os.fsencode(self.root.resolve())).hexdigest()[:_DIGITS]

    @property
    def users(self) -> Path:
        """The numbers of the users that the processes run as; there under root alone."""
        return self.run / "users"

    @property
    def shared(self) -> Path:
        """What the processes of all platforms may read, and nobody changes: templates."""
        return _ROOTS if os.getuid() == 0 else self.root.parent

    @property
    def journal(self) -> Path:
        """Write-ahead journal of experiments; outlives the platform, since it says what must be undone."""
        return self.root / "journal"

    def kubeconfig(self, cluster: str) -> Path:
        """How the administrator of a Kubernetes cluster reaches it; there as long as the cluster is."""
        return self.root / f"kubeconfig-{cluster}"

    @property
    def kubeconfigs(self) -> tuple[Path, ...]:
        """Those of all clusters."""
        return tuple(sorted(self.root.glob("kubeconfig-*")))

    @property
    def lease(self) -> Path:
        """Who runs experiments right now, and the heartbeat by which a watchdog sees it alive."""
        return self.root / "lease"

    @property
    def packages(self) -> Path:
        """Deployment packages, named by their content; of all environments, and kept when a platform goes."""
        return self.root.parent / "packages"

    @property
    def lock(self) -> Path:
        """Held while a daemon is started or stopped; outside the folder, which comes and goes."""
        return self.root.parent / f"{self.root.name}.daemon.lock"

    def create(self) -> None:
        """Make the folders, for nobody else to read; that of the processes may be entered, and shows no names."""
        make_private(self.logs)
        if os.getuid() != 0:
            make_private(self.run)
        elif not self.run.is_dir():
            self._make_roots_run()

    def _make_roots_run(self) -> None:
        _ROOTS.mkdir(mode=0o711, exist_ok=True)
        found = _ROOTS.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0:
            raise EnvironmentFault(f"{_ROOTS} belongs to somebody else, and root's platforms run there; remove it")
        _ROOTS.chmod(0o711)
        _remove_forsaken()
        self.run.mkdir(mode=0o700)
        note = self.run / _OF
        note.touch(mode=0o600)
        note.write_text(str(self.root.resolve()), encoding="utf-8")
        self.run.chmod(0o711)

    def remove_run(self) -> None:
        """Remove what the processes had, wherever it lies."""
        shutil.rmtree(self.run, ignore_errors=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlatformRecord:
    """A running platform as `platform.json` tells it. `started_at` in Unix seconds; `url` is the control plane's, which
    takes `access_key` and `secret_key` until it ends.

    One that is `detached` stays up until `down`; any other ends with the process that owns it.
    """

    platform_id: str
    pid: int
    url: str
    access_key: str
    secret_key: str = field(repr=False)
    pace: str
    region: str
    started_at: float
    detached: bool

    @classmethod
    def read(cls, state: StateFolder) -> "PlatformRecord | None":
        """What is recorded, whether or not its daemon still lives; None when nothing is.

        `EnvironmentFault` when another version wrote it, or nobody who should.
        """
        try:
            return cls(**json.loads(state.platform.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError) as problem:
            raise EnvironmentFault(
                f"{state.platform} is no record of a platform that this version can read: {problem}. If it was brought"
                f" up by another version, end it: cafe down --env {state.root.name}"
            ) from problem

    def write(self, state: StateFolder) -> None:
        """Whole or not at all: a reader never sees half of it. Nobody else may read it, for it holds keys."""
        write_private(state.platform, (json.dumps(dataclasses.asdict(self), indent=2) + "\n").encode())
