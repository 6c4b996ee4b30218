"""One controller per AWS API: reads what the control plane recorded and makes the processes follow.

A controller is level-triggered: `reconcile` compares the record with the world and closes the gap. A mutating call to
one of the APIs it `watches` wakes it, a death it was told of, and a slow tick. Running it twice changes nothing.
"""

from typing import ClassVar, Protocol


class Controller(Protocol):
    """Built once with a `Context`; lives on the daemon's event loop, so it never blocks and needs no locks."""

    name: ClassVar[str]
    """The AWS service's signing name; also its file's name."""
    watches: ClassVar[frozenset[str]]
    """Signing names of the APIs whose mutating calls wake it; normally its own."""

    async def reconcile(self) -> None:
        """Close the gap between record and world. An exception is logged, counted, and tried again at the next wake."""
        ...

    async def close(self) -> None:
        """Stop what this controller started. Must be idempotent."""
        ...
