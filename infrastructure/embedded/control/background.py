"""Tasks that nobody awaits: what ends one is said when it happens, not when the task is collected, or never."""

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio


def tell_defect(task: "asyncio.Task[Any]", log: logging.Logger, what: str) -> None:
    """Log the exception that ends `task`, if one does, as an error: `what` failed inside."""

    def ended(task: "asyncio.Task[Any]") -> None:
        if not task.cancelled() and (defect := task.exception()) is not None:
            log.error("%s failed inside", what, exc_info=defect)

    task.add_done_callback(ended)
