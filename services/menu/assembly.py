"""How the menu service is put together, once with resilience and once without. The only place that knows which."""

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from services import catalog
from services.chassis.parts import TaskParts
from services.chassis.postgres.connection import Login
from services.chassis.postgres.login import login_of
from services.chassis.redis.cache import NAME, RedisCache
from services.chassis.web.gateway import Served
from services.chassis.web.health import Dependencies
from services.chassis.web.problems import unavailable
from services.menu import store
from services.menu.copy import CHANNEL, LOADS, SHARED, MenuCopy
from services.menu.desk import CHANGES, MenuDesk
from services.menu.fragile import OneTryDesk, UncachedMenus
from services.menu.routes import ROUTE, Changes, Menus
from services.menu.settings import MenuSettings
from services.menu.store import NO_PATIENCE, DocumentStore, Patience

NAMESPACE: Final = catalog.http_service("menu").namespace
LATENCY: Final = "MenuLatency"
AGE: Final = "MenuAge"
"""Seconds since the copy was known to be right."""
STALE: Final = "StaleAnswers"


class Parts(TaskParts):
    """The clients of one pod, the same in both modes but for the resilience they were given."""

    settings: MenuSettings

    def __init__(self, settings: MenuSettings) -> None:
        super().__init__(
            settings,
            task=settings.cafe_pod_name,
            namespace=NAMESPACE,
            redis_url=settings.cafe_elasticache_url,
            dependencies=Dependencies("cloudwatch", "secretsmanager", store.NAME, NAME),
        )
        self.metrics.declare(LOADS, SHARED, CHANGES, STALE)
        self.cache = RedisCache(self.redis, self.dependencies)
        patience = Patience() if self.is_resilient else NO_PATIENCE
        self.store = DocumentStore(settings.cafe_documentdb_url, self._login, self.dependencies, patience)

    def observe(self, served: Served) -> None:
        if served.method == "GET" and served.path.startswith(f"{ROUTE}/items"):
            self.metrics.duration(LATENCY, served.seconds)

    async def close_stores(self) -> None:
        await self.store.close()

    async def _login(self) -> Login:
        return await login_of(self.secrets, self.settings.database_secret)


class Mode(Protocol):
    """How the menu is read and changed."""

    menus: Menus
    changes: Changes

    async def follow(self) -> None: ...  # what runs beside the requests, until cancelled
    def hear(self, message: bytes) -> None: ...  # another pod's word of a change
    def wake(self) -> None: ...  # words may have been missed
    def is_degraded(self) -> bool: ...
    def readiness(self) -> str: ...  # `HttpProblem` 503 while there is nothing to serve


class ResilientMode:
    """A copy that follows, changes until they are done."""

    def __init__(self, parts: Parts) -> None:
        self._copy = MenuCopy(parts.store, parts.cache, parts.metrics)
        self.menus: Menus = self._copy
        self.changes: Changes = MenuDesk(
            parts.store,
            self._copy,
            lambda word: parts.bus.publish(CHANNEL, word),
            parts.metrics,
            budget=parts.budget,
            on_retry=parts.retried,
        )
        parts.metrics.gauge(AGE, self._copy.age_s)
        self.hear = self._copy.hear
        self.wake = self._copy.wake

    async def follow(self) -> None:
        await self._copy.keep()

    def is_degraded(self) -> bool:
        return self._copy.is_degraded

    def readiness(self) -> str:
        if self._copy.known is None:
            raise unavailable("the menu was not read yet", retry_after_s=1)
        return "degraded" if self._copy.is_degraded else "ready"


class FragileMode:
    """No copy, one try."""

    def __init__(self, parts: Parts) -> None:
        self.menus: Menus = UncachedMenus(parts.store)
        self.changes: Changes = OneTryDesk(parts.store)

    async def follow(self) -> None:
        return

    def hear(self, message: bytes) -> None:
        return

    def wake(self) -> None:
        return

    def is_degraded(self) -> bool:
        return False

    def readiness(self) -> str:
        return "ready"


MODES: Final[Mapping[str, Callable[[Parts], Mode]]] = {"on": ResilientMode, "off": FragileMode}
