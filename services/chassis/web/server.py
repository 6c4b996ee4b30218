"""Runs an ASGI application as one asyncio process until SIGTERM, and ends it the way its resilience says.

SIGTERM -> still accepting, answers say `Connection: close` -> quiet -> listener closed -> lifespan ends -> exit 0
           (a second signal skips to the end)
"""

import asyncio
import contextlib
import logging
import os
import signal
from collections.abc import Callable
from types import FrameType

import uvicorn
import uvloop
from starlette.types import ASGIApp

from services.chassis.settings import ChassisSettings
from services.chassis.web.traffic import Traffic

KEEP_ALIVE_S = 75
"""Longer than the load balancer's idle time-out (60 s on an ALB), so that it is never the task that closes first:
a request sent into a closing connection is a 502."""
SHUTDOWN_S = 5
"""What is left for connections that do not end by themselves once the listener is closed."""

_log = logging.getLogger(__name__)

_DATE_S = 1.0
"""How old the `Date` of an answer may be: its resolution."""

Ending = Callable[["Server"], None]
"""What the first SIGTERM starts; must lead to `server.end()` or the end of the process."""


class Server(uvicorn.Server):
    """uvicorn, with our own idea of what a signal means. Signals are not raised again: a drained task exits with 0."""

    def __init__(self, config: uvicorn.Config, ending: Ending) -> None:
        super().__init__(config)
        self._ending = ending
        self._signals = 0
        self._ended = asyncio.Event()

    async def main_loop(self) -> None:
        """Serve until `end`. uvicorn's own looks ten times a second whether it is time, which an idle task pays for."""
        while not await self.on_tick(0):  # at 0 it renews the date, too
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DATE_S):
                    await self._ended.wait()

    def end(self) -> None:
        """Close the listener and end the lifespan, now. From within the event loop."""
        self.should_exit = True
        self._ended.set()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals == 1:
            self._ending(self)
        else:
            self.should_exit = self.force_exit = True
            asyncio.get_running_loop().call_soon_threadsafe(self._ended.set)  # a handler runs between any two bytecodes


def graceful(traffic: Traffic, settings: ChassisSettings) -> Ending:
    """Finish what is in flight first."""
    tasks: set[asyncio.Task[None]] = set()  # the loop keeps only weak references to its tasks

    async def drain(server: Server) -> None:
        _log.info("draining", extra={"in_flight": traffic.in_flight})
        done = await traffic.drained(at_least_s=settings.cafe_drain_min_s, at_most_s=settings.cafe_drain_max_s)
        _log.info("drained" if done else "drain cut short", extra={"in_flight": traffic.in_flight})
        server.end()

    def begin(server: Server) -> None:
        task = asyncio.ensure_future(drain(server))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def on_signal(server: Server) -> None:
        asyncio.get_running_loop().call_soon_threadsafe(begin, server)  # as above

    return on_signal


def abrupt(_server: Server) -> None:
    """What a process without a signal handler does: end, with everything it holds. Only without resilience."""
    os._exit(128 + signal.SIGTERM)


def run(app: ASGIApp, settings: ChassisSettings, ending: Ending) -> None:
    """Serve `app` on `settings.port` until a signal stops it; blocks. One worker: a task is one process."""
    config = uvicorn.Config(
        app,
        host=settings.cafe_listen,
        port=settings.port,
        http="httptools",
        loop="none",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = Server(config, ending)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(server.serve())
    if not server.started:
        raise SystemExit(1)
