"""A process to be killed: supervises what it is told to and prints the pids. `STATE '[{spec fields}, …]'`.

`owns` beside the fields of one is a folder that belongs to its account: numbers of accounts are each supervisor's own.
"""

import asyncio
import json
import sys
from pathlib import Path

from infrastructure.embedded.host.process import ProcessSpec
from infrastructure.embedded.host.supervisor import Supervisor
from infrastructure.embedded.tests.processes import LIGHT_ZYGOTE
from infrastructure.state import StateFolder


async def main(folder: str, specs: str) -> None:
    """Never returns."""
    supervisor = Supervisor(StateFolder(Path(folder)), zygote=LIGHT_ZYGOTE)
    for spec in json.loads(specs):
        if owned := spec.pop("owns", None):
            supervisor.users.own(Path(owned), spec["account"])
        await supervisor.start(ProcessSpec(kind="test", resource="", env={}, **{**spec, "argv": tuple(spec["argv"])}))
    living = {**supervisor.helpers, **supervisor.processes}
    print(json.dumps({name: process.pid for name, process in living.items()}), flush=True)  # noqa: T201 - for the test
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
