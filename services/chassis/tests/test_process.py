"""What every service gets of its process, and what it has to say for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI

from services import catalog
from services.chassis.parts import TaskParts
from services.chassis.process import Surface, application
from services.chassis.settings import ChassisSettings
from services.chassis.web.gateway import Gateway
from services.chassis.web.health import Dependencies
from services.chassis.web.operators import Operators
from services.chassis.web.tests.asking import ask

SERVICE = catalog.http_service("menu")


class Parts(TaskParts):
    """Of a service without anything of its own, whose Redis is away."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(
            ChassisSettings.model_validate(
                {"port": 8080, "cafe_environment": "test", "operator_token_secret": "operator"}
            ),
            task="a task",
            namespace="test",
            redis_url="redis://127.0.0.1:9/0",
            dependencies=Dependencies("cloudwatch", "secretsmanager"),
        )
        self._told = told

    async def close_stores(self) -> None:
        self._told.append("stores closed")


class Own:
    """A service that notes what it is asked for."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def build(self) -> Gateway:
        surface = Surface(title="test", add=self._add, life=self._life, readiness=lambda: "degraded")
        return application(Parts(self.told), SERVICE, surface)

    def _add(self, app: FastAPI, _operators: Operators) -> None:
        @app.get(f"{SERVICE.route}/own")
        async def own() -> dict[str, str]:
            return {"of": "its own"}

    @asynccontextmanager
    async def _life(self) -> AsyncIterator[None]:
        self.told.append("begins")
        yield
        self.told.append("ends")


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")


def test_a_service_has_its_routes_health_and_the_operators_endpoint() -> None:
    async def story() -> None:
        app = Own().build()
        assert (await ask(app, "GET", f"{SERVICE.route}/own")).document == {"of": "its own"}
        assert (await ask(app, "GET", SERVICE.health_path)).document["status"] == "ok"
        assert (await ask(app, "GET", f"{SERVICE.health_path}/ready")).document == {"status": "degraded"}
        assert (await ask(app, "GET", SERVICE.stress_path)).status == 401

    asyncio.run(story())


def test_its_own_life_ends_before_what_it_needs_is_closed_and_nothing_is_left_running() -> None:
    async def story() -> None:
        own = Own()
        app = own.build().app
        assert isinstance(app, FastAPI)
        async with asyncio.timeout(20.0), app.router.lifespan_context(app):
            assert own.told == ["begins"]
            assert {"metrics", "stress", "stress bus"} <= {task.get_name() for task in asyncio.all_tasks()}
        assert own.told == ["begins", "ends", "stores closed"]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(story())
