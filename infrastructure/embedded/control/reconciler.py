"""Runs the controllers: one task each, woken by name, by mutating calls and by a slow tick.

    wake ──▶ Event ──▶ reconcile ──▶ (an exception: logged, counted) ──▶ settled? ──▶ wait for wake or tick

Wakes that arrive while a controller works are one more pass when it is done, however many they are. Everything runs on
one event loop, so between two awaits a controller has the world for itself.
"""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence

from infrastructure.embedded.control.controller import Controller

_log = logging.getLogger(__name__)

_LOOK_S = 0.1
"""How often readiness is looked at beside the passes: a health check changes it without any controller's pass."""
_EVERYTHING = "cloudformation"
"""The API whose calls may change what any controller watches."""


class Reconciler:
    """Keeps the controllers level with their records. `resync_s` is the slow tick.

    Made before them, since they get its `wake`; then `adopt`, then `start`.
    """

    def __init__(self, resync_s: float) -> None:
        self._resync_s = resync_s
        self._controllers: dict[str, Controller] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[str] = set()
        self._passed = asyncio.Event()
        self._failing: dict[str, str] = {}
        self._failures: Counter[str] = Counter()

    @property
    def failures(self) -> Mapping[str, int]:
        """How many passes of each controller ended in an exception since the start."""
        return self._failures

    def adopt(self, controllers: Sequence[Controller]) -> None:
        """Take the controllers on, in their starting order."""
        for controller in controllers:
            self._controllers[controller.name] = controller
            self._wakes[controller.name] = asyncio.Event()

    def start(self) -> None:
        """Make a first pass of every controller and go on until `close`."""
        for name, controller in self._controllers.items():
            self._wakes[name].set()
            self._tasks.append(asyncio.create_task(self._run(controller), name=f"reconcile {name}"))

    def wake(self, name: str) -> None:
        """Let the controller of that signing name reconcile soon; `KeyError` names the known ones."""
        try:
            self._wakes[name].set()
        except KeyError:
            raise KeyError(f"no controller is called {name!r}; known: {', '.join(self._wakes)}") from None

    def notify(self, service: str) -> None:
        """A call to `service` (a signing name) changed something: wake every controller that watches it."""
        for name, controller in self._controllers.items():
            if service == _EVERYTHING or service in controller.watches:
                self._wakes[name].set()

    def unsettled(self) -> tuple[str, ...]:
        """Why the platform is not ready, for a person; empty when it is."""
        reasons = [f"{name} fails: {error}" for name, error in self._failing.items()]
        for name, controller in self._controllers.items():
            if self._wakes[name].is_set() or name in self._working:
                reasons.append(f"{name} has not looked at the latest changes yet")
            reasons.extend(getattr(controller, "unsettled", tuple)())
        return tuple(reasons)

    async def settled(self, timeout_s: float) -> tuple[str, ...]:
        """Wait until nothing is unsettled; what still is after `timeout_s`, so empty means ready."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_s
        while (reasons := self.unsettled()) and (remaining := deadline - loop.time()) > 0:
            self._passed.clear()
            await _wait(self._passed, min(remaining, _LOOK_S))
        return reasons

    async def close(self) -> None:
        """Stop the passes, then close the controllers, last one first; all of them, whatever one raises."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for controller in reversed(self._controllers.values()):
            try:
                await controller.close()
            except Exception:  # noqa: BLE001 - the other controllers' processes must be stopped as well
                _log.exception("controller %s did not close", controller.name)

    async def _run(self, controller: Controller) -> None:
        wake = self._wakes[controller.name]
        while True:
            await _wait(wake, self._resync_s)
            # Cleared before the look: a wake during the pass may be about something it has already passed by.
            wake.clear()
            self._working.add(controller.name)
            await self._reconcile(controller)
            self._working.discard(controller.name)
            self._passed.set()

    async def _reconcile(self, controller: Controller) -> None:
        try:
            await controller.reconcile()
        except Exception as error:  # noqa: BLE001 - a defect must not end the task; the next wake tries again
            self._failures[controller.name] += 1
            self._failing[controller.name] = str(error) or type(error).__name__
            _log.exception("controller %s failed (%d times so far)", controller.name, self._failures[controller.name])
        else:
            self._failing.pop(controller.name, None)


async def _wait(event: asyncio.Event, within_s: float) -> None:
    """Until the event is set or the time is over."""
    # Not `wait_for`: Python 3.11's loses a cancellation that coincides with the event.
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
