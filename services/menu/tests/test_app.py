"""The service put together as a pod has it, with resilience and without; only the database is a fake."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from services.chassis.web.tests.asking import Answer, ask
from services.menu.app import SERVICE, build
from services.menu.assembly import MODES, Mode, Parts
from services.menu.settings import MenuSettings
from services.menu.tests.fakes import MemoryStore, menu
from services.menu.tests.test_start import GOOD

Story = Callable[[Callable[[str], Awaitable[Answer]], MemoryStore, Mode], Awaitable[None]]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Story], None]:
    """Tells a story of a pod in a mode; it has not read its menu yet."""
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)

    def tell(resilience: str, story: Story) -> None:
        monkeypatch.setenv("CAFE_RESILIENCE", resilience)

        async def run() -> None:
            parts = Parts(MenuSettings())
            store = MemoryStore(menu())
            monkeypatch.setattr(parts, "store", store)
            mode = MODES[resilience](parts)
            app = build(parts, mode)
            await story(lambda path: ask(app, "GET", f"{SERVICE.route}{path}"), store, mode)
            await parts.redis.aclose()

        asyncio.run(run())

    return tell


@pytest.mark.parametrize("mode", MODES)
def test_what_the_catalogue_calls_a_light_request_is_answered(mode: str, told: Callable[[str, Story], None]) -> None:
    async def story(get: Callable[[str], Awaitable[Answer]], _: MemoryStore, parts: Mode) -> None:
        if mode == "on":
            await known(parts)
        answer = await get(SERVICE.reading.path)
        assert answer.status == SERVICE.reading.status

    told(mode, story)


def test_a_pod_is_ready_once_it_has_something_to_serve(told: Callable[[str, Story], None]) -> None:
    async def story(get: Callable[[str], Awaitable[Answer]], _: MemoryStore, mode: Mode) -> None:
        assert ((await get("/health")).status, (await get("/health/ready")).status) == (200, 503)
        await known(mode)
        assert (await get("/health/ready")).document == {"status": "ready"}

    told("on", story)


def test_a_pod_without_its_database_is_degraded_and_stays_in_service(
    told: Callable[[str, Story], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(get: Callable[[str], Awaitable[Answer]], store: MemoryStore, mode: Mode) -> None:
        await known(mode)
        store.is_away = True
        monkeypatch.setattr("services.menu.copy.BOUND_S", -1.0)  # as if time had passed
        ready = await get("/health/ready")
        assert (ready.status, ready.document) == (200, {"status": "degraded"})
        health = (await get("/health")).document
        assert (health["status"], (await get("/items")).status) == ("degraded", 200)

    told("on", story)


def test_without_resilience_every_outage_shows(told: Callable[[str, Story], None]) -> None:
    async def story(get: Callable[[str], Awaitable[Answer]], store: MemoryStore, _: Mode) -> None:
        assert (await get("/items")).status == 200
        store.is_away = True
        assert (await get("/items")).status == 503

    told("off", story)


def test_the_interface_is_described(told: Callable[[str, Story], None]) -> None:
    async def story(get: Callable[[str], Awaitable[Answer]], _: MemoryStore, __: Mode) -> None:
        described = json.loads((await get("/openapi.json")).body)["paths"]
        assert {path: sorted(methods) for path, methods in described.items()} == {
            "/api/menu/health": ["get"],
            "/api/menu/health/ready": ["get"],
            "/api/menu/items": ["get"],
            "/api/menu/items/{item_id}": ["get", "put"],
            "/api/menu/stress/menu-sync": ["delete", "get", "post"],
        }

    told("on", story)


async def known(mode: Mode) -> None:
    """Let the pod's loop run until the menu is read, once."""
    looking = asyncio.create_task(mode.follow())
    async with asyncio.timeout(10):
        while mode.is_degraded():  # noqa: ASYNC110 - nothing of the code under test tells
            await asyncio.sleep(0)
    looking.cancel()
    await asyncio.wait({looking})
