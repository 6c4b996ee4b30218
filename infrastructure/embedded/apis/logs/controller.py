"""CloudWatch Logs Insights: queries over what lies in the groups, answered when AWS would have looked it up."""

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.apis.logs.insights.query import (
    DEFAULT_LIMIT,
    Event,
    Rows,
    answered,
    visible,
)
from infrastructure.embedded.apis.logs.insights.reader import Malformed, NotAnswered
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context

KEPT = 30
"""Queries that are remembered, the latest; AWS keeps them for seven days."""
_RUNS_S = 1.0
_SHORTEST_RUN_S = 0.1
_ARN_PARTS = 7


@dataclass(slots=True, kw_only=True)
class Query:
    """One query: `rows` are there from the start, and shown from `ready_at` on (Unix seconds)."""

    text: str
    groups: tuple[str, ...]
    started_at: float
    ready_at: float
    rows: Rows
    scanned: int
    is_cancelled: bool = False

    def status(self, now: float) -> str:
        return "Cancelled" if self.is_cancelled else "Complete" if now >= self.ready_at else "Running"


class LogsController:
    """Answers the queries; there is nothing to make."""

    name: ClassVar[str] = "logs"
    watches: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, context: "Context", clock: Callable[[], float] = time.time) -> None:
        self._backends = context.backends
        self._account = context.account
        self._clock = clock
        self._runs_s = context.pace.seconds(_RUNS_S, at_least=_SHORTEST_RUN_S)
        self._queries: dict[str, Query] = {}
        context.backends.operations.bind(self.name, self)

    async def reconcile(self, _key: str, /) -> None:
        """There is nothing to make."""

    @operation("StartQuery", effect="a query of Logs Insights over the groups' events")
    def _start(self, given: Members) -> Output:
        if given.get("queryLanguage", "CWLI") != "CWLI":
            raise unsupported(f"logs:StartQuery in {given['queryLanguage']}")
        if given["startTime"] > given["endTime"]:
            raise Refused("InvalidParameterException", "End time should not be before start time.")
        groups = self._groups(given)
        events = list(self._events(groups, given["startTime"] * 1000, given["endTime"] * 1000 + 999))
        try:
            rows = answered(given["queryString"], events, given.get("limit", DEFAULT_LIMIT))
        except Malformed as problem:
            raise Refused("MalformedQueryException", str(problem)) from problem
        except NotAnswered as missing:
            raise unsupported(f"of Logs Insights {missing}") from missing
        identity, now = str(uuid.uuid4()), self._clock()
        self._queries[identity] = Query(
            text=given["queryString"],
            groups=groups,
            started_at=now,
            ready_at=now + self._runs_s,
            rows=rows,
            scanned=len(events),
        )
        for oldest in list(self._queries)[:-KEPT]:
            del self._queries[oldest]
        return {"queryId": identity}

    @operation("GetQueryResults")
    def _results(self, given: Members) -> Output:
        query = self._named(given)
        status = query.status(self._clock())
        rows = query.rows if status == "Complete" else ()
        return {
            "status": status,
            "results": [[{"field": name, "value": value} for name, value in visible(row)] for row in rows],
            "statistics": {"recordsMatched": len(rows), "recordsScanned": query.scanned, "bytesScanned": 0.0},
        }

    @operation("StopQuery", effect="a query that runs ends without results")
    def _stop(self, given: Members) -> Output:
        query = self._named(given)
        if query.status(self._clock()) != "Running":
            raise Refused("InvalidParameterException", f"The query {given['queryId']} is not running.")
        query.is_cancelled = True
        return {"success": True}

    @operation("DescribeQueries")
    def _describe(self, given: Members) -> Output:
        now, wanted = self._clock(), given.get("logGroupName")
        return {
            "queries": [
                {
                    "queryId": identity,
                    "queryString": query.text,
                    "status": query.status(now),
                    "createTime": int(query.started_at * 1000),
                    "logGroupName": query.groups[0],
                    "queryLanguage": "CWLI",
                }
                for identity, query in reversed(self._queries.items())
                if wanted in (None, *query.groups) and given.get("status") in (None, query.status(now))
            ][: given.get("maxResults", 1000)]
        }

    def _named(self, given: Members) -> Query:
        query = self._queries.get(given["queryId"])
        if query is None:
            raise Refused("ResourceNotFoundException", f"The specified query does not exist: {given['queryId']}")
        return query

    def _groups(self, given: Members) -> tuple[str, ...]:
        """By name, names, or names and ARNs: exactly one of the three."""
        ways = ("logGroupName", "logGroupNames", "logGroupIdentifiers")
        named = [given[way] for way in ways if given.get(way)]
        if len(named) != 1:
            raise Refused("InvalidParameterException", f"Exactly one of {', '.join(ways)} must be given.")
        found = (named[0],) if isinstance(named[0], str) else tuple(_group(each) for each in named[0])
        absent = [name for name in found if name not in self._backends.logs.groups]
        if absent:
            text = f"Log group '{absent[0]}' does not exist for account ID '{self._account}'"
            raise Refused("ResourceNotFoundException", text)
        return found

    def _events(self, groups: tuple[str, ...], start_ms: int, end_ms: int) -> Iterator[Event]:
        for group in groups:
            streams: dict[str, Any] = self._backends.logs.groups[group].streams
            for name, stream in streams.items():
                for found in stream.filter_log_events(start_ms, end_ms, ""):
                    yield Event(
                        at=int(found["timestamp"]),
                        message=str(found["message"]),
                        stream=name,
                        log=f"{self._account}:{group}",
                        pointer=str(found["eventId"]),
                    )


def _group(identity: str) -> str:
    """Of a name, or an ARN with or without `:*` behind it."""
    parts = identity.split(":")
    return parts[_ARN_PARTS - 1] if identity.startswith("arn:") and len(parts) >= _ARN_PARTS else identity
