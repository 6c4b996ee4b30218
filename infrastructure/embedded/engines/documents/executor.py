"""From a command to its encoded answer: which transaction it runs in, and whether it has run before."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import bson
from pymongo.errors import OperationFailure

from infrastructure.embedded.engines.documents.administration import Administration
from infrastructure.embedded.engines.documents.errors import UNREADABLE, CommandError, Fenced, refusal_of
from infrastructure.embedded.engines.documents.reads import Reads, is_out
from infrastructure.embedded.engines.documents.volume import Attempt, Volume
from infrastructure.embedded.engines.documents.writes import Writes

Answer = dict[str, Any]
Run = Callable[[Mapping[str, Any]], Answer]

_COUNTED = {
    "insert": "OpcountersInsert",
    "find": "OpcountersQuery",
    "update": "OpcountersUpdate",
    "delete": "OpcountersDelete",
    "getMore": "OpcountersGetmore",
}
"""By command the metric that counts it; any other counts as a command."""


class Executor:
    """Runs commands on the volume, one after the other; called from one thread."""

    def __init__(self, path: Path) -> None:
        self._volume = Volume(path)
        reads = Reads(self._volume)
        writes, administration = Writes(self._volume, reads), Administration(self._volume, reads)
        self._cursors = reads.cursors
        self._out = writes.out
        self.reads: Mapping[str, Run] = {
            "find": reads.find,
            "count": reads.count,
            "distinct": reads.distinct,
            "aggregate": reads.aggregate,
            "listCollections": administration.list_collections,
            "listIndexes": administration.list_indexes,
            "listDatabases": administration.list_databases,
            "collStats": administration.coll_stats,
            "dbStats": administration.db_stats,
        }
        self.cursors: Mapping[str, Run] = {"getMore": self._cursors.more, "killCursors": self._cursors.kill}
        self.writes: Mapping[str, Run] = {
            "insert": writes.insert,
            "update": writes.update,
            "delete": writes.delete,
            "findAndModify": writes.find_and_modify,
            "findandmodify": writes.find_and_modify,
            "create": administration.create,
            "drop": administration.drop,
            "dropDatabase": administration.drop_database,
            "renameCollection": administration.rename,
            "createIndexes": administration.create_indexes,
            "dropIndexes": administration.drop_indexes,
        }
        self.fenced = 0
        """The latest term that has turned out to be over."""
        self.counted: Counter[str] = Counter()
        self._counting = threading.Lock()

    def does(self, name: str) -> bool:
        return name in self.reads or name in self.writes or name in self.cursors

    def is_write(self, body: Mapping[str, Any]) -> bool:
        name = next(iter(body))
        return name in self.writes or (name == "aggregate" and is_out(body))

    def run(self, body: Mapping[str, Any], term: int) -> bytes:
        """The encoded answer, also when the command is refused. `term`: that of whoever is primary, if this one is."""
        name = next(iter(body))
        with self._counting:
            self.counted[_COUNTED.get(name, "OpcountersCommand")] += 1
        try:
            if name in self.cursors:
                return bson.encode(self.cursors[name](body))
            if self.is_write(body):
                return self._write(self.writes.get(name, self._out), body, term)
            with self._volume.reading():
                return bson.encode(self.reads[name](body))
        except (CommandError, NotImplementedError, OperationFailure, *UNREADABLE) as problem:
            if isinstance(problem, Fenced):
                self.fenced = max(self.fenced, term)
            return bson.encode(refusal_of(problem, name).document())

    def _write(self, run: Run, body: Mapping[str, Any], term: int) -> bytes:
        attempt = _attempt(body)
        with self._volume.writing(term):
            if attempt is not None and (known := self._volume.remembered(attempt)) is not None:
                return known
            answer: bytes = bson.encode(run(body))
            if attempt is not None:
                self._volume.remember(attempt, answer)
        return answer


def _attempt(body: Mapping[str, Any]) -> Attempt | None:
    if "txnNumber" not in body:
        return None
    session = body.get("lsid")
    if not isinstance(session, Mapping) or not isinstance(session.get("id"), bytes):
        raise CommandError(72, "Transaction number requires a session ID to be specified")
    many = any(each.get("multi") for each in body.get("updates", ()))
    if many or any(each.get("limit") == 0 for each in body.get("deletes", ())):
        raise CommandError(72, "Cannot use (or request) retryable writes with multi=true or limit=0")
    return Attempt(session=bytes(session["id"]), number=int(body["txnNumber"]))
