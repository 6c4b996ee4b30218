"""The service put together as a pod has it, over a real database and a real cache, with resilience and without."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from services.assortment import ITEMS
from services.chassis.postgres.tests.server import PASSWORD, USER
from services.chassis.resilience import deadline
from services.chassis.settings import EXIT_CONFIGURATION
from services.chassis.tests.peer import Peer, answering
from services.chassis.web.tests.asking import Answer, ask
from services.inventory.app import SERVICE, Parts, build, serve
from services.inventory.domain import MAX_LINES, MAX_ORDERS, MAX_QUANTITY, SEED
from services.inventory.fragile import BATCH
from services.inventory.settings import InventorySettings
from services.inventory.tests.database import LATTE, Database, demand
from services.inventory.tests.test_api import ORDER
from services.inventory.tests.test_settings import ENVIRON

pytestmark = pytest.mark.anyio


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every call to AWS is answered with the database's login."""
    secret = json.dumps({"SecretString": json.dumps({"username": USER, "password": PASSWORD})}).encode()
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(secret), secret)
    with Peer(answering(answer)) as peer:
        monkeypatch.setenv("AWS_ENDPOINT_URL", peer.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "key")
        yield


class Pod:
    """One pod, and calls on it."""

    def __init__(self, database: Database, resilience: str) -> None:
        given = {**ENVIRON, "cafe_aurora_writer_url": database.url, "cafe_resilience": resilience}
        self.parts = Parts(InventorySettings.model_validate(given))
        self._app = build(self.parts)

    async def post(self, path: str, body: object) -> Answer:
        headers = [("content-type", "application/json")]
        return await ask(self._app, "POST", f"{SERVICE.route}{path}", json.dumps(body).encode(), headers)

    async def get(self, path: str) -> Answer:
        return await ask(self._app, "GET", f"{SERVICE.route}{path}")


@asynccontextmanager
async def started(database: Database, resilience: str = "on") -> AsyncIterator[Pod]:
    """A pod whose cache is away, before it has its tables."""
    deadline.start(60.0)
    pod = Pod(database, resilience)
    await pod.parts.database.start()
    try:
        yield pod
    finally:
        await pod.parts.close()


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize("resilience", ["on", "off"])
async def test_what_the_catalogue_calls_a_light_request_is_answered(database: Database, resilience: str) -> None:
    async with started(database, resilience) as pod:
        await pod.parts.prepare()
        assert (await pod.get(SERVICE.reading.path)).status == SERVICE.reading.status


@pytest.mark.usefixtures("aws")
async def test_a_pod_is_ready_once_it_has_tables_and_degraded_without_its_cache(database: Database) -> None:
    async with started(database) as pod:
        assert ((await pod.get("/health")).status, (await pod.get("/health/ready")).status) == (200, 503)
        await pod.parts.prepare()
        assert (await pod.get("/health/ready")).document == {"status": "ready"}
        pod.parts.dependencies.failed("cloudwatch", "throttled")
        assert (await pod.get("/health/ready")).document == {"status": "ready"}
        await pod.get(SERVICE.reading.path)  # finds no cache
        ready = await pod.get("/health/ready")
        assert (ready.status, ready.document) == (200, {"status": "degraded"})


@pytest.mark.usefixtures("aws")
async def test_an_order_is_held_and_taken_once(database: Database) -> None:
    async with started(database) as pod:
        await pod.parts.prepare()
        assert [(await pod.post("/reserve", ORDER)).status for _ in range(2)] == [201, 200]
        for _ in range(2):
            taken = await pod.post("/take", {"orders": [ORDER]})
            assert taken.document == {"results": [{"order_id": "o", "status": "taken"}]}
        assert (database.level(LATTE), database.disagreements()) == ((SEED - 2, 0), {})


@pytest.mark.usefixtures("aws")
async def test_as_many_and_as_large_orders_as_may_be_are_taken_together(database: Database) -> None:
    lines = [{"item_id": item.item_id, "quantity": MAX_QUANTITY // 10} for item in ITEMS[:MAX_LINES]]
    orders = [{**ORDER, "order_id": f"{'o' * 100}-{number}", "items": lines} for number in range(MAX_ORDERS)]
    async with started(database) as pod:
        await pod.parts.prepare()
        taken = await pod.post("/take", {"orders": orders})
        assert taken.status == 200
        assert database.disagreements() == {}
        assert database.sql("SELECT status, count(*) FROM inventory.reservations GROUP BY 1") == [("taken", MAX_ORDERS)]


@pytest.mark.usefixtures("aws")
async def test_without_resilience_what_is_taken_is_lost_with_the_process(database: Database) -> None:
    async with started(database, "off") as pod:
        await pod.parts.prepare()
        taken = await pod.post("/take", {"orders": [ORDER]})
        assert taken.document == {"results": [{"order_id": "o", "status": "taken"}]}
        assert database.level(LATTE) == (SEED, 0)
        await pod.parts.stock.take([demand(f"o-{number}", latte_grande=1) for number in range(BATCH - 1)])
        assert database.level(LATTE) == (SEED - BATCH - 1, 0)


@pytest.mark.usefixtures("aws")
async def test_the_interface_is_described(database: Database) -> None:
    async with started(database) as pod:
        described = json.loads((await pod.get("/openapi.json")).body)["paths"]
    assert {path.removeprefix(SERVICE.route): sorted(methods) for path, methods in described.items()} == {
        "/health": ["get"],
        "/health/ready": ["get"],
        "/store/{store_id}": ["get"],
        "/reserve": ["post"],
        "/take": ["post"],
        "/release": ["post"],
        "/restock": ["post"],
        "/stress/restock": ["delete", "get", "post"],
    }


@pytest.mark.parametrize("missing", ["DATABASE_SECRET", "CAFE_AURORA_WRITER_URL", "CAFE_ELASTICACHE_URL"])
def test_an_environment_that_is_not_usable_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], missing: str
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name.upper(), str(value))
    monkeypatch.delenv(missing)
    with pytest.raises(SystemExit) as ended:
        serve()
    assert ended.value.code == EXIT_CONFIGURATION
    assert missing in capsys.readouterr().err
