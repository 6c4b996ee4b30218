"""A cloud of a few small processes: the daemon's life without moto and Envoy. `MODE` says how it misbehaves."""

import asyncio
import gc
import os
import sys

from infrastructure.embedded import daemon
from infrastructure.embedded.daemon import Options
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE, PAUSE, entry, program
from infrastructure.errors import EnvironmentFault

URL = "http://127.0.0.1:9"


class MinimalCloud:
    """Opens and closes at once, unless the environment's `MODE` says otherwise."""

    def __init__(self, options: Options, supervisor: Supervisor) -> None:
        del options
        self._supervisor = supervisor
        self._mode = os.environ.get("MODE", "")

    async def open(self) -> str:
        await self._supervisor.start(program("sleep", "1000", name="program"))
        await self._supervisor.start(program("sh", "-c", "setsid sleep 1000 & wait", name="shell"))
        await self._supervisor.start(entry(PAUSE, name="entry"))
        match self._mode:
            case "fault":
                raise EnvironmentFault("port 80 is taken; `ss -ltnp` shows by whom")
            case "defect":
                raise ZeroDivisionError("a defect of ours")
            case "vanish":
                os._exit(9)
            case "hang-opening":
                await asyncio.Event().wait()
        return URL

    async def close(self) -> None:
        if self._mode == "hang-closing":
            await asyncio.Event().wait()


if __name__ == "__main__":
    gc.disable()
    sys.exit(daemon.main(sys.argv[1:], MinimalCloud, LIGHT_ZYGOTE))
