"""Every object of a cluster in its latest version, and what happened to each kind of them, as far back as is kept.

    put, remove ──▶ version + 1 ──▶ objects of the kind
                                └─▶ its log ──▶ watchers, each at its own place; one that falls behind is told
                                └─▶ listeners in the house, at once

A watch is a place in the log: nothing is queued for a watcher that does not read. Everything is on one event loop, so
between reading an object and putting it back nobody else can, as long as nothing is awaited.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import asyncio
import collections
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from infrastructure.embedded.control.background import wait_within
from infrastructure.embedded.kubernetes.store.objects import Draft, Key, Object, key, meta

KEPT = 2_000
"""Changes of one kind that can be watched again; the real server keeps five minutes of them."""


class TooOld(Exception):
    """What happened since that version is not known any more: 410 Gone."""


class Conflict(Exception):
    """The object has changed since it was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One step of one object: `before` is None for a new one, `after` for one that is gone."""

    kind: str
    version: int
    before: Object | None
    after: Object | None
    encoded: dict[str, bytes] = field(default_factory=dict)
    """What was written of it, by form, so that many watchers cost one encoding."""

    @property
    def object(self) -> Object:
        """As it is; as it was when it is gone, with the version of its end."""
        return self.after if self.after is not None else self.last

    @property
    def last(self) -> Object:
        """As it was before, with the version of the change: what is told of one that leaves the view."""
        before = self.before or {}
        return {**before, "metadata": {**meta(before), "resourceVersion": str(self.version)}}


Listener = Callable[[Change], None]


@dataclass(slots=True)
class _Shelf:
    """The objects of one kind. `encoded` are those that were written since they changed."""

    objects: dict[Key, Object] = field(default_factory=dict)
    encoded: dict[Key, bytes] = field(default_factory=dict)
    is_sorted: bool = True
    log: collections.deque[Change] = field(default_factory=lambda: collections.deque(maxlen=KEPT))
    forgotten: int = 0
    """The version of the latest change that is not in the log any more."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Store:
    """All objects by kind, which is `plural.group`. `version` is that of the latest change to any."""

    def __init__(self) -> None:
        self.version = 1
        self._shelves: dict[str, _Shelf] = collections.defaultdict(_Shelf)
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every change, at once; it must not change anything itself."""
        self._listeners.append(listener)

    def get(self, kind: str, at: Key) -> Object | None:
        return self._shelves[kind].objects.get(at)

    def all(self, kind: str, namespace: str = "") -> list[Object]:
        """Those of a namespace, or all, by namespace and name."""
        shelf = self._shelves[kind]
        if not shelf.is_sorted:
            shelf.objects = dict(sorted(shelf.objects.items()))
            shelf.is_sorted = True
        return [of for at, of in shelf.objects.items() if not namespace or at[0] == namespace]

    def keys(self, kind: str) -> Iterable[Key]:
        return self._shelves[kind].objects.keys()

    def put(self, kind: str, of: Draft, *, expected: str = "") -> Object:
        """Keep `of` in a new version; `Conflict` when it is not at the `expected` one. Nothing new is nothing done."""
        shelf, at = self._shelves[kind], key(of)
        before = shelf.objects.get(at)
        latest = meta(before)["resourceVersion"] if before is not None else ""
        if expected and expected != latest:
            raise Conflict
        of["metadata"]["resourceVersion"] = latest
        if before is not None and before == of:
            return before
        self.version += 1
        of["metadata"]["resourceVersion"] = str(self.version)
        shelf.objects[at] = of
        shelf.is_sorted = shelf.is_sorted and before is not None
        self._notify(shelf, at, Change(kind=kind, version=self.version, before=before, after=of))
        return of

    def remove(self, kind: str, at: Key) -> Object:
        """The object as it ended. `KeyError` when there is none."""
        shelf = self._shelves[kind]
        before = shelf.objects.pop(at)
        self.version += 1
        change = Change(kind=kind, version=self.version, before=before, after=None)
        self._notify(shelf, at, change)
        return change.object

    def encoded(self, kind: str, of: Object, encode: Callable[[Object], bytes]) -> bytes:
        """An object of the store as it is written, remembered until it changes."""
        shelf, at = self._shelves[kind], key(of)
        if shelf.objects.get(at) is not of:
            return encode(of)
        found = shelf.encoded.get(at)
        if found is None:
            found = shelf.encoded[at] = encode(of)
        return found

    async def wait(self, kind: str, within_s: float) -> None:
        """Until something happens to an object of the kind, or the time is over; for whoever has seen all `news`."""
        changed = self._shelves[kind].changed
        changed.clear()
        await wait_within(changed, within_s)

    def news(self, kind: str, seen: int) -> list[Change]:
        """What has happened to objects of the kind since version `seen`. `TooOld` when that is not known any more."""
        shelf = self._shelves[kind]
        if seen < shelf.forgotten:
            raise TooOld
        news: list[Change] = []
        for change in reversed(shelf.log):
            if change.version <= seen:
                break
            news.append(change)
        return news[::-1]

    def _notify(self, shelf: _Shelf, at: Key, change: Change) -> None:
        shelf.encoded.pop(at, None)
        if len(shelf.log) == KEPT:
            shelf.forgotten = shelf.log[0].version
        shelf.log.append(change)
        shelf.changed.set()
        for listener in self._listeners:
            listener(change)
