"""One platform for a run, whether one process runs its tests or several.

    pytest             the process brings the platform up when a test first asks for it, and takes it down at its end
    pytest -n N        the controller does, once the workers have collected a test that needs it; the workers attach

So the platform always belongs to the process a person started: however that one ends, the platform ends with it. One
that was up before, or that `--keep` leaves up, belongs to nobody.
"""

import time
from collections.abc import Callable, Iterable, Mapping

from infrastructure import cloud
from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from plugins.environment.settings import Settings

SUITES = "suites/"
"""What lies below it needs the platform; the framework's own tests do not."""


class Owner:
    """Brings the platform of a run up once, and takes it down again if it is this run's to take down."""

    def __init__(self, settings: Settings, talk: Callable[[str], None], detail: Callable[[str], None]) -> None:
        self._settings = settings
        self._talk = talk
        self._detail = detail
        self._platform: Platform | None = None
        self.farewell: str | None = None

    def bring_up(self) -> Platform:
        """The platform, healthy; the same one at every call."""
        if self._platform is None:
            started = time.monotonic()
            self._platform = self._up(self._settings.overrides)
            verb = "is up" if self._platform.is_new else "was up and is reused"
            self._talk(f"platform of {self._name}: {verb} ({time.monotonic() - started:.1f} s)")
        return self._platform

    def take_down(self) -> None:
        """End what `bring_up` started, unless it is to be kept; one that was up before is left as it was found.

        `farewell` then names what is left up.
        """
        platform, self._platform = self._platform, None
        if platform is None:
            return
        may_end = not self._settings.keep and not self._settings.environment.is_protected
        if platform.is_new and may_end:
            cloud.down(self._settings.environment, self._settings.target, talk=self._detail)
            return
        if self._settings.overrides:
            self._up({})
        self.farewell = (
            f"platform of {self._name}: left up. Look at it: cafe status --env {self._name}; point tools at it:"
            f' eval "$(cafe env --env {self._name})"; end it: cafe down --env {self._name}'
        )

    def _up(self, overrides: Mapping[str, str]) -> Platform:
        settings = self._settings
        try:
            return cloud.up(
                settings.environment,
                settings.target,
                settings.pace,
                detached=settings.keep,
                overrides=overrides,
                talk=self._detail,
            )
        except OSError as problem:
            raise EnvironmentFault.of_system(problem) from problem

    @property
    def _name(self) -> str:
        return self._settings.environment.name


def need_platform(nodeids: Iterable[str]) -> bool:
    """Does any of these tests need the platform?"""
    return any(nodeid.startswith(SUITES) for nodeid in nodeids)
