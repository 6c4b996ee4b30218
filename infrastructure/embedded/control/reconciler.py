"""Runs the controllers: one task for each object of each, woken by name, by mutating calls and by a slow tick.

    wake ──▶ the controller's objects, each: reconcile ──▶ wait for a wake, or for the moment it named
                                                 └──▶ an exception: logged, counted, tried again ever later

Wakes that arrive while an object is worked on are one more pass when that is done, however many they are. Everything
runs on one event loop, so between two awaits a controller has the world for itself.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from infrastructure.embedded.control.background import Background, wait_within
from infrastructure.embedded.control.controller import Closing, Controller, Keyed

_log = logging.getLogger(__name__)

_LOOK_S = 0.1
"""How often readiness is looked at beside the passes: a health check changes it without any controller's pass."""
_EVERYTHING = "cloudformation"
"""The API whose calls may change what any controller watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """How long an object that fails waits for its next pass: twice as long after each failure, up to `most_s`."""

    first_s: float = 1.0
    most_s: float = 30.0

    def delay_s(self, failures: int) -> float:
        """The pause after the last of `failures` in a row."""
        return min(self.first_s * 2.0 ** min(failures - 1, 30), self.most_s)


@dataclass(slots=True, kw_only=True)
class _Lane:
    """The passes over one object, one at a time; `error` is why the last one failed, `failures` in a row so far."""

    controller: Controller
    key: str
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    is_working: bool = False
    failures: int = 0
    error: str = ""

    @property
    def title(self) -> str:
        name = self.controller.name
        return name if self.key == name else f"{name} {self.key}"


class Reconciler:
    """Keeps the controllers level with their records. `resync_s` is the slow tick.

    Made before them, since they get its `wake`; then `adopt`, then `start`.
    """

    def __init__(self, resync_s: float, backoff: Backoff | None = None) -> None:
        self._resync_s = resync_s
        self._backoff = backoff or Backoff()
        self._controllers: dict[str, Controller] = {}
        self._lanes: dict[tuple[str, str], _Lane] = {}
        self._passes = Background(_log)
        self._is_running = False
        self._passed = asyncio.Event()
        self._failures: Counter[str] = Counter()

    @property
    def failures(self) -> Mapping[str, int]:
        """How many passes of each controller ended in an exception since the start."""
        return self._failures

    def adopt(self, controllers: Sequence[Controller]) -> None:
        self._controllers |= {controller.name: controller for controller in controllers}

    def start(self) -> None:
        """Make a first pass of every controller and go on until `close`."""
        self._is_running = True
        self._passes.spawn(self._tick(), "slow tick")
        for controller in self._controllers.values():
            self._wake(controller)

    def wake(self, name: str, key: str | None = None) -> None:
        """Let the controller called so, or one object of it, reconcile soon; `KeyError` names the known ones."""
        if name not in self._controllers:
            raise KeyError(f"no controller is called {name!r}; known: {', '.join(self._controllers)}")
        if key is None:
            self._wake(self._controllers[name])
        elif self._is_running:
            self._lane(self._controllers[name], key).wake.set()

    def notify(self, service: str, _operation: str = "") -> None:
        """A call to `service` (a signing name) changed something: wake every controller that watches it."""
        for controller in self._controllers.values():
            if service == _EVERYTHING or service in controller.watches:
                self._wake(controller)

    def unsettled(self) -> tuple[str, ...]:
        """Why the platform is not ready, for a person; empty when it is."""
        lanes = self._lanes.values()
        reasons = [f"{lane.title} fails: {lane.error}" for lane in lanes if lane.error]
        behind = {lane.controller.name for lane in lanes if lane.is_working or lane.wake.is_set()}
        for name, controller in self._controllers.items():
            if name in behind:
                reasons.append(f"{name} has not looked at the latest changes yet")
            reasons.extend(getattr(controller, "unsettled", tuple)())
        return tuple(reasons)

    async def settled(self, timeout_s: float) -> tuple[str, ...]:
        """Wait until nothing is unsettled; what still is after `timeout_s`, so empty means ready."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (reasons := self.unsettled()) and (remaining := deadline - loop.time()) > 0:
            self._passed.clear()
            await wait_within(self._passed, min(remaining, _LOOK_S))
        return reasons

    async def close(self) -> None:
        """Stop the passes, then close the controllers, last one first; all of them, whatever one raises."""
        self._is_running = False
        await self._passes.close()
        for controller in [each for each in reversed(self._controllers.values()) if isinstance(each, Closing)]:
            try:
                await controller.close()
            except Exception:  # noqa: BLE001 - the other controllers' processes must be stopped as well
                _log.exception("controller %s did not close", controller.name)

    def _wake(self, controller: Controller, *, is_tick: bool = False) -> None:
        """Have every object of the controller looked at; by a tick only those that do not wait after a failure."""
        known = [key for name, key in self._lanes if name == controller.name]
        for key in dict.fromkeys((*_keys(controller), *known)) if self._is_running else ():
            lane = self._lane(controller, key)
            if not (is_tick and lane.error):
                lane.wake.set()

    def _lane(self, controller: Controller, key: str) -> _Lane:
        lane = self._lanes.get((controller.name, key))
        if lane is None:
            lane = self._lanes[controller.name, key] = _Lane(controller=controller, key=key)
            self._passes.spawn(self._run(lane), f"reconcile {lane.title}")
        return lane

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(self._resync_s)
            for controller in self._controllers.values():
                self._wake(controller, is_tick=True)

    async def _run(self, lane: _Lane) -> None:
        """Pass after pass, until there is no such object any more."""
        pause_s: float | None = None
        while True:
            await wait_within(lane.wake, pause_s)
            # Cleared before the look: a wake during the pass may be about something it has already passed by.
            lane.wake.clear()
            if lane.key not in _keys(lane.controller):
                del self._lanes[lane.controller.name, lane.key]
                return
            lane.is_working = True
            pause_s = await self._reconcile(lane)
            lane.is_working = False
            self._passed.set()

    async def _reconcile(self, lane: _Lane) -> float | None:
        """One pass; how long to wait for the next one."""
        try:
            pause_s = await lane.controller.reconcile(lane.key)
        except Exception as error:  # noqa: BLE001 - a defect must not end the task; it is tried again
            lane.failures += 1
            self._failures[lane.controller.name] += 1
            lane.error = str(error) or type(error).__name__
            _log.exception("controller %s failed (%d times in a row)", lane.title, lane.failures)
            return self._backoff.delay_s(lane.failures)
        lane.failures, lane.error = 0, ""
        return pause_s


def _keys(controller: Controller) -> Collection[str]:
    return controller.keys() if isinstance(controller, Keyed) else (controller.name,)
