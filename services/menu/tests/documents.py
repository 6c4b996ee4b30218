"""The driver's interface, as far as the store uses it, over documents in memory."""

from collections.abc import Awaitable, Callable
from typing import Any

import mongomock

Failing = Callable[[str], Exception | None]
"""What goes wrong with the operation of that name, before it is done."""


class Cluster:
    """Databases that outlive their clients. `logins` are the passwords that clients came with, `holding` is what a read
    waits for before it is done.
    """

    def __init__(self) -> None:
        self.databases: Any = mongomock.MongoClient()
        self.failing: Failing = lambda _: None
        self.holding: Callable[[], Awaitable[object]] = _at_once
        self.logins: list[str] = []
        self.closed = 0

    def client(self, _url: str, *, password: str, **_options: Any) -> "Client":
        """In the place of `AsyncMongoClient`."""
        self.logins.append(password)
        return Client(self)


async def _at_once() -> None:
    return


class Client:
    """In the place of a client: `client[database][collection]`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def __getitem__(self, database: str) -> dict[str, "Collection"]:
        cluster = self._cluster

        class Database(dict[str, Collection]):
            def __missing__(self, name: str) -> Collection:
                return Collection(cluster, cluster.databases[database][name])

        return Database()

    async def close(self) -> None:
        self._cluster.closed += 1


class Collection:
    """The operations of one collection."""

    def __init__(self, cluster: Cluster, kept: Any) -> None:
        self._cluster = cluster
        self._kept = kept

    async def find_one(self, *args: Any) -> Any:
        await self._cluster.holding()
        return self._done("find_one", *args)

    async def update_one(self, *args: Any, **options: Any) -> Any:
        return self._done("update_one", *args, **options)

    async def find_one_and_update(self, *args: Any, **options: Any) -> Any:
        return self._done("find_one_and_update", *args, **options)

    def _done(self, name: str, *args: Any, **options: Any) -> Any:
        error = self._cluster.failing(name)
        if error is not None:
            raise error
        return getattr(self._kept, name)(*args, **options)
