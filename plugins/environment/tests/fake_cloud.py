"""Stands in for `infrastructure.cloud` in runs within runs: writes down what was asked, in whatever process."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from infrastructure import cloud, environment
from infrastructure.cloud import Platform
from infrastructure.connection import Connection
from infrastructure.embedded.pace import Pace
from infrastructure.environment import Environment, Target
from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import Clusters
from infrastructure.tests.fake_driver import FakeDriver

EVENTS = "FAKE_CLOUD_EVENTS"
"""Environment variable: the file events go to, a line each."""
WAS_UP = "FAKE_CLOUD_WAS_UP"
"""Environment variable: set when the platform is up before the run."""
FAULT = "FAKE_CLOUD_FAULT"
"""Environment variable: why the platform does not come up."""

FULL = "FAKE_CLOUD_FULL"
"""Environment variable: set when there is no room on the disk."""


def install() -> None:
    """Replace the functions that the plugin calls, for the life of this process."""
    cloud.up, cloud.attach, cloud.down = up, attach, down  # type: ignore[assignment]  # talk's default is another object


def events(path: Path) -> list[str]:
    """What has been asked so far."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def up(
    chosen: Environment,
    target: Target,
    pace: Pace,
    *,
    detached: bool,
    overrides: Mapping[str, str] | None = None,
    talk: Callable[[str], None],
) -> Platform:
    del pace, talk
    _note(
        f"up {chosen.name} {'detached' if detached else 'attached'} {sorted((overrides or {}).items()) or ''}".strip()
    )
    if FAULT in os.environ:
        raise EnvironmentFault(os.environ[FAULT], log=("the last line of a log",))
    if FULL in os.environ:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return _platform(chosen, target, is_new=WAS_UP not in os.environ)


def attach(chosen: Environment, target: Target) -> Platform:
    _note(f"attach {chosen.name}")
    return _platform(chosen, target, is_new=False)


def down(chosen: Environment, target: Target, *, talk: Callable[[str], None]) -> None:
    del target, talk
    _note(f"down {chosen.name}")


def _note(event: str) -> None:
    with Path(os.environ[EVENTS]).open("a", encoding="utf-8") as log:
        log.write(f"{event}\n")


def _platform(chosen: Environment, target: Target, *, is_new: bool) -> Platform:
    def client(service: str) -> Any:
        raise AssertionError(f"nothing calls {service} here")

    return Platform(
        environment=environment.load(chosen.name),
        target=target,
        metric_period_s=1.0,
        state=cloud.state_folder(chosen),
        outputs={"AlbArn": "arn:alb"},
        is_new=is_new,
        _driver=FakeDriver(),
        _connection=Connection(region="us-east-1"),
        _clients=client,
        _clusters=Clusters(client, is_embedded=True),
    )
