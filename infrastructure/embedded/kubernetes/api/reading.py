"""Get, list and watch.

A watch that begins without a version, or asks for initial events, first tells of every object there is.
Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

import base64
import binascii
import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

import orjson

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.kubernetes.api.answers import JSON, answer
from infrastructure.embedded.kubernetes.api.forms import Form, Writer
from infrastructure.embedded.kubernetes.api.places import Place, Query
from infrastructure.embedded.kubernetes.schema.kinds import Kind
from infrastructure.embedded.kubernetes.store import errors, objects, selectors
from infrastructure.embedded.kubernetes.store.objects import Object
from infrastructure.embedded.kubernetes.store.registry import Registry
from infrastructure.embedded.kubernetes.store.selectors import Matches
from infrastructure.embedded.kubernetes.store.store import Change, TooOld

_BOOKMARK_S = 60.0
_LONGEST_S = 3600.0
"""How long a watch goes on that does not say; the real server ends it after 30 to 60 minutes."""


def selected(kind: Kind, place: Place, query: Query) -> Matches:
    """Whether an object is at the place and selected by the query."""
    try:
        by_label = selectors.by_labels(query.text("labelSelector"))
        by_field = selectors.by_fields(query.text("fieldSelector"), kind.fields)
    except selectors.Unreadable as problem:
        raise errors.bad_request(str(problem)) from problem
    namespace = place.namespace

    def matches(of: Object) -> bool:
        inside = not namespace or objects.namespace(of) == namespace
        return inside and by_label(of) and by_field(of)

    return matches


class Reading:
    """Answers what changes nothing."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._store = registry.store

    def writer(self, kind: Kind, form: Form, query: Query) -> Writer:
        return Writer(kind, form, self._store, self._registry.clock, query.text("includeObject"))

    def get(self, place: Place, query: Query, form: Form) -> Answer:
        found = self._registry.get(place.kind, place.key)
        return answer(self.writer(place.kind, form, query).one(found))

    def listed(self, place: Place, query: Query, form: Form) -> Answer:
        """A list, or the next page of one: `limit` objects after the one that `continue` names."""
        kind, matches, version = place.kind, selected(place.kind, place, query), self._store.version
        after: tuple[str, str] | None = None
        if query.text("continue"):
            version, after = _token(query.text("continue"))
        found = [of for of in self._store.all(kind.id, place.namespace) if after is None or objects.key(of) > after]
        found = [of for of in found if matches(of)]
        meta: dict[str, Any] = {"resourceVersion": str(version)}
        limit = query.number("limit") or 0
        if 0 < limit < len(found):
            last = objects.key(found[limit - 1])
            meta |= {"continue": _continue(version, last), "remainingItemCount": len(found) - limit}
            found = found[:limit]
        return answer(self.writer(kind, form, query).many(found, meta))

    def watch(self, place: Place, query: Query, form: Form) -> Answer:
        """A stream of events, one a line."""
        if place.name:  # the old way to watch one object
            named = f"metadata.name={place.name}"
            query = Query(
                {**query.given, "fieldSelector": ",".join(filter(None, (query.text("fieldSelector"), named)))}
            )
        since = _since(query.text("resourceVersion"), self._store.version)
        watch = _Watch(self, place, query, form, since)
        return Answer(status=200, headers=dict(JSON), stream=watch.lines())


class _Watch:
    """One client's watch."""

    def __init__(self, reading: Reading, place: Place, query: Query, form: Form, since: int | None) -> None:
        self._store = reading._store
        self._kind = place.kind
        self._namespace = place.namespace
        self._matches = selected(place.kind, place, query)
        self._writer = reading.writer(place.kind, form, query)
        self._wants_bookmarks = query.flag("allowWatchBookmarks")
        self._wants_end = query.flag("sendInitialEvents")
        self._since = None if self._wants_end else since
        self._is_first = True
        self._timeout_s = min(float(query.number("timeoutSeconds") or _LONGEST_S), _LONGEST_S)

    async def lines(self) -> AsyncGenerator[bytes, None]:
        since = self._since
        if since is None:
            since = self._store.version
            begin = [
                self._line("ADDED", of) for of in self._store.all(self._kind.id, self._namespace) if self._matches(of)
            ]
            if begin:
                yield b"".join(begin)
            if self._wants_end:
                yield self._writer.bookmark(since, is_end_of_initial=True)
        try:
            async for part in self._following(since, time.monotonic() + self._timeout_s):
                yield part
        except TooOld:
            told = errors.expired(f"too old resource version: {since} ({self._store.version})")
            yield orjson.dumps({"type": "ERROR", "object": told.status}, option=orjson.OPT_APPEND_NEWLINE)

    async def _following(self, since: int, until: float) -> AsyncGenerator[bytes, None]:
        bookmark_at = time.monotonic() + _BOOKMARK_S
        while (now := time.monotonic()) < until:
            news = self._store.news(self._kind.id, since)
            if news:
                since = news[-1].version
                lines = b"".join(filter(None, map(self._told, news)))
                if lines:
                    yield lines
            elif now >= bookmark_at:
                bookmark_at = now + _BOOKMARK_S
                if self._wants_bookmarks:
                    yield self._writer.bookmark(self._store.version)
            else:
                await self._store.wait(self._kind.id, min(until, bookmark_at) - now)

    def _told(self, change: Change) -> bytes:
        """What this client sees of a change: an object may come into its view, or leave it."""
        was = change.before is not None and self._matches(change.before)
        is_now = change.after is not None and self._matches(change.after)
        if not was and not is_now:
            return b""
        kind = "MODIFIED" if was and is_now else "ADDED" if is_now else "DELETED"
        key = f"{self._writer.key} {kind} {self._is_first}"
        if self._writer.form == "table":
            return self._line(kind, change.object)
        if key not in change.encoded:
            change.encoded[key] = self._line(kind, change.object if is_now else change.last)
        return change.encoded[key]

    def _line(self, kind: str, of: Object) -> bytes:
        line = self._writer.event(kind, of, is_first=self._is_first)
        self._is_first = False
        return line


def _since(version: str, latest: int) -> int | None:
    """The version after which a watch begins; None for one that begins with what there is."""
    if version in ("", "0"):
        return None
    if not version.isdecimal():
        raise errors.bad_request(f'invalid resource version: strconv.ParseUint: parsing "{version}": invalid syntax')
    if int(version) > latest:  # of another server, which was here before this one
        raise errors.expired(f"too old resource version: {version} ({latest})")
    return int(version)


def _continue(version: int, last: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(orjson.dumps({"v": "meta.k8s.io/v1", "rv": version, "start": list(last)})).decode()


def _token(text: str) -> tuple[int, tuple[str, str]]:
    try:
        read: Mapping[str, Any] = orjson.loads(base64.urlsafe_b64decode(text))
        namespace, name = read["start"]
        return int(read["rv"]), (str(namespace), str(name))
    except (binascii.Error, ValueError, KeyError, TypeError) as problem:
        raise errors.bad_request(f"continue key is not valid: {text}") from problem
