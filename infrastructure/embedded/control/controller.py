"""One controller per AWS API: reads what the control plane recorded and makes the processes follow.

A controller is level-triggered: `reconcile` compares the record with the world and closes the gap. A mutating call to
one of the APIs it `watches` wakes it, a death it was notified of, and a slow tick. Running it twice changes nothing.
"""

from collections.abc import Collection
from typing import ClassVar, Protocol, runtime_checkable


class Controller(Protocol):
    """Built once with a `Context`; lives on the daemon's event loop, so it never blocks and needs no locks."""

    name: ClassVar[str]
    """The AWS service's signing name; also its file's name."""
    watches: ClassVar[frozenset[str]]
    """Signing names of the APIs whose mutating calls wake it; normally its own."""

    async def reconcile(self, key: str, /) -> float | None:
        """Close the gap between record and world for one object; seconds until it is to look again, if nobody wakes it.

        The object is the controller's own name for one that is not `Keyed`. Objects are looked at side by side, each by
        one pass at a time. An exception is logged and counted, and the object looked at again, ever later.
        """


@runtime_checkable
class Keyed(Protocol):
    """A controller of many objects, each of which is woken, fails and waits by itself."""

    def keys(self) -> Collection[str]:
        """All objects there are, with those that are gone and still to be cleared away. Cheap, and never raises."""


@runtime_checkable
class Closing(Protocol):
    """A controller that starts something: processes, checks, questions."""

    async def close(self) -> None:
        """Stop it. Must be idempotent."""
