"""Whether a server that lives lets anybody in: one that does not is as good as dead.

Silence alone proves little on a busy machine, so it has to last. A process that is stopped (SIGSTOP) is seen at once:
no load puts a process into that state. Time is counted in looks: while this process itself stands still none is made,
and an answer that came meanwhile is heard before the next one.
"""

import asyncio

from infrastructure.embedded.control.background import end
from infrastructure.embedded.engines.postgres.engine import PostgresNode
from infrastructure.embedded.engines.postgres.wire import PostgresError
from infrastructure.embedded.host import proctree

HUNG_S = 10.0
"""A writer that answers nothing for so long is taken for dead."""
STOPPED_S = 1.0
"""The same for one that is stopped all the while, and answers nothing either."""
_LOOK_S = 0.25


async def is_hung(node: PostgresNode) -> bool:
    """Ask as a client that comes now; a refusal is an answer."""
    asking = asyncio.create_task(_ask(node), name=f"{node.spec.name} is asked whether it answers")
    try:
        stopped = 0
        for _ in range(max(round(HUNG_S / _LOOK_S), 1)):
            await asyncio.wait({asking}, timeout=_LOOK_S)
            if asking.done():
                return not await asking
            stopped = stopped + 1 if node.process is not None and proctree.is_stopped(node.process.pid) else 0
            if (stopped - 1) * _LOOK_S >= STOPPED_S:
                return True
        return True
    finally:
        await end(asking)


async def _ask(node: PostgresNode) -> bool:
    """Whether there was an answer; the looks end it long before its own time is over."""
    try:
        await node.newly_asked("SELECT 1", 10 * HUNG_S)
    except PostgresError:
        return True
    except OSError:  # TimeoutError is one
        return False
    return True
