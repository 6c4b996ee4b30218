"""Where one environment keeps its files: `.cloudcafe/<environment>/`, mode 0700, gone after `down`."""

from dataclasses import dataclass
from pathlib import Path

MARKER = "CLOUDCAFE_PLATFORM"
"""Environment variable in every child: the state folder it belongs to. A later start finds left-overs by it."""


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
        """`platform.json`, written once the control plane answers: {pid, url, pace, started_at, platform_id}."""
        return self.root / "platform.json"

    @property
    def logs(self) -> Path:
        """One `<process id>.log` per child process, and `cloud.log` of the supervisor itself."""
        return self.root / "logs"

    @property
    def run(self) -> Path:
        """Unix sockets, pid files, engines' data."""
        return self.root / "run"

    @property
    def journal(self) -> Path:
        """Write-ahead journal of experiments; outlives the platform, since it says what must be undone."""
        return self.root / "journal"

    @property
    def lease(self) -> Path:
        """Who runs experiments right now, and the heartbeat by which a watchdog sees it alive."""
        return self.root / "lease"
