"""One controller per AWS API: reads what the control plane recorded and makes the processes follow.

A controller is level-triggered: `reconcile` compares the record with the world and closes the gap. A mutating call to
one of the APIs it `watches` wakes it, a death it was told of, and a slow tick. Running it twice changes nothing.
"""

from typing import ClassVar, Protocol, runtime_checkable

from infrastructure.embedded.gateway.call import Answer, Call


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


@runtime_checkable
class Answering(Protocol):
    """A controller that keeps its API's records itself: it answers the calls, and moto is not asked."""

    name: ClassVar[str]

    async def answer(self, call: Call) -> Answer:
        """The answer to a call of its API; whatever goes wrong is in it."""
        ...
