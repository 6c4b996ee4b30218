"""What runs for what is wanted, object by object: the loop that controllers of servers share.

wanted ──make──▶ running ──step, pass after pass──▶ running
                    │ no longer wanted, or a namesake is
                    └──▶ leaving ──remove──▶ gone; then the namesake is made
"""

from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Record = TypeVar("Record")
Member = TypeVar("Member")


@dataclass(slots=True, kw_only=True)
class Fleet(Generic[Record, Member]):
    """Members by the key of the record they stand for; its `keys` and `reconcile` are those of a `Keyed` controller.

    `step` says when to look again, as `reconcile` does. A `remove` that fails is done again. `changed` is called when
    members came or go, and after each step, whatever came of it. `is_of` tells a record's member from a namesake's.
    """

    wanted: Callable[[], Mapping[str, Record]]
    make: Callable[[str, Record], Member]
    step: Callable[[Record, Member], Awaitable[float | None]]
    remove: Callable[[Member], Awaitable[None]]
    changed: Callable[[], None]
    is_of: Callable[[Record, Member], bool] = lambda _record, _member: True
    running: dict[str, Member] = field(default_factory=dict)
    leaving: dict[str, Member] = field(default_factory=dict)

    def keys(self) -> Collection[str]:
        """All that are wanted, run, or are still leaving."""
        return {**self.wanted(), **self.running, **self.leaving}

    def __contains__(self, key: str) -> bool:
        return key in self.running or key in self.leaving

    def matched(self) -> list[tuple[Record, Member]]:
        """Those that run, each with its own record, oldest record first."""
        found = [(record, self.running[key]) for key, record in self.wanted().items() if key in self.running]
        return [(record, member) for record, member in found if self.is_of(record, member)]

    def clear(self) -> tuple[Member, ...]:
        """Forget all members, those that are leaving too; it is on the caller to end them."""
        members = (*self.running.values(), *self.leaving.values())
        self.running.clear()
        self.leaving.clear()
        return members

    async def reconcile(self, key: str, /) -> float | None:
        record = self.wanted().get(key)
        if key in self.running and (record is None or not self.is_of(record, self.running[key])):
            self.leaving[key] = self.running.pop(key)
        elif record is not None and key not in self:
            self.running[key] = self.make(key, record)
        self.changed()
        try:
            if key in self.leaving:
                await self.remove(self.leaving[key])
                del self.leaving[key]
                return 0.0  # for a namesake, which could not be made before
            return None if record is None else await self.step(record, self.running[key])
        finally:
            self.changed()
