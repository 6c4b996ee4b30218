"""Asking inventory over HTTP, from a small server that says what inventory says, late, wrongly, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from services.assortment import PRICES_CENTS
from services.chassis.background import BackgroundWork
from services.chassis.figures.metrics import MetricReports
from services.chassis.http.peer import LEAST_S, Peer, PeerAway
from services.chassis.resilience import deadline
from services.chassis.resilience.breaker import Breaker
from services.chassis.resilience.budget import Timeouts
from services.chassis.resilience.tests.clock import Clock
from services.chassis.web import correlation
from services.chassis.web.health import Dependencies
from services.order.stock import OWED, RESERVE_S, Inventory, OutOfStock, OwedStock
from services.order.tests.fakes import NoCloudWatch
from services.order.tests.samples import CROISSANT, LATTE, draft, row
from services.order.tests.servers import PATIENT, Answered, Server

T = TypeVar("T")
ORDER = draft(row(1))
LINES = [{"item_id": LATTE, "quantity": 2}, {"item_id": CROISSANT, "quantity": 1}]
HELD = Answered(status=201, document={"order_id": "o", "status": "held", "expires_at": 1.0})
OUT = Answered(
    status=409,
    document={"type": "tag:out-of-stock", "status": 409, "detail": f"the store has too little of {LATTE}"},
)
SILENT = Answered(status=0)


def asking(answer: Answered, story: Callable[[Inventory, Server], Awaitable[T]]) -> T:
    """What comes of `story` with an inventory that always gives `answer`."""

    async def told() -> T:
        async with Server(lambda _: answer).running() as server:
            background = BackgroundWork()
            peers = [server.peer("inventory") for _ in range(2)]
            try:
                return await story(Inventory(peers[0], peers[1], background), server)
            finally:
                await background.close()
                for peer in peers:
                    peer.close()

    return asyncio.run(told())


@pytest.mark.parametrize("status", [201, 200])
def test_an_order_is_reserved_by_its_id_with_its_lines(status: int) -> None:
    async def story(inventory: Inventory, server: Server) -> None:
        with correlation.bound("corr-1"):
            assert await inventory.reserve("o", ORDER) == "held"
        [asked] = server.asked
        assert (asked.method, asked.path) == ("POST", "/api/inventory/reserve")
        assert asked.document == {"order_id": "o", "store_id": "store-001", "items": LINES}
        assert asked.headers["x-correlation-id"] == "corr-1"

    asking(Answered(status=status, document=HELD.document), story)


def test_a_store_that_is_out_of_it_says_what_is_missing() -> None:
    async def story(inventory: Inventory, _: Server) -> None:
        with pytest.raises(OutOfStock, match=LATTE):
            await OwedStock(inventory, metrics()).reserve("o", ORDER)

    asking(OUT, story)


@pytest.mark.parametrize(
    "answer",
    [pytest.param(Answered(status=status), id=f"status {status}") for status in (404, 500, 502, 503)]
    + [pytest.param(SILENT, id="silence")],
)
def test_an_inventory_that_is_away_owes_the_stock(answer: Answered) -> None:
    async def story(inventory: Inventory, _: Server) -> None:
        counted = metrics()
        assert await OwedStock(inventory, counted).reserve("o", ORDER) == "owed"
        assert {d["MetricName"]: d["Value"] for d in counted.collect()} == {OWED: 1}
        with pytest.raises(PeerAway):
            await inventory.reserve("o", ORDER)

    asking(answer, story)


def test_a_silent_inventory_costs_its_time_and_soon_none_at_all() -> None:
    async def story(inventory: Inventory, server: Server) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        states = [await OwedStock(inventory, metrics()).reserve(str(number), ORDER) for number in range(30)]
        assert states == ["owed"] * 30
        assert len(server.asked) == 3, "after three in a row nobody asks"
        assert loop.time() - began >= 3 * RESERVE_S

    asking(SILENT, story)


def test_a_request_whose_own_time_is_over_says_nothing_of_inventory() -> None:
    async def story() -> None:
        async with Server(lambda _: HELD).running() as server:
            dependencies = Dependencies("inventory")
            peer = Peer("inventory", server.url, PATIENT, dependencies, Breaker(failures=1))
            for spent_s in (0.0, LEAST_S / 2):
                deadline.start(spent_s)
                with pytest.raises(PeerAway, match="own time"):
                    await Inventory(peer, peer, BackgroundWork()).reserve("o", ORDER)
            assert (peer.breaker.state, dependencies.report()["inventory"]["state"]) == ("closed", "unused")
            assert server.asked == []
            peer.close()

    asyncio.run(story())


def test_one_order_finds_out_that_inventory_is_back() -> None:
    clock = Clock()
    answers = [Answered(status=503)] * 3 + [HELD] * 100

    async def story() -> list[str]:
        async with Server(lambda _: answers.pop(0)).running() as server:
            peer = server.peer("inventory", breaker=Breaker(failures=3, open_s=1.0, clock=clock))
            stock = OwedStock(Inventory(peer, peer, BackgroundWork()), metrics())
            for number in range(3):
                await stock.reserve(str(number), ORDER)
            assert peer.breaker.state == "open"
            clock.now += 1.0
            states = await asyncio.gather(*(stock.reserve(f"n{number}", ORDER) for number in range(20)))
            assert len(server.asked) == 4, "a probe, and no herd"
            states += [await stock.reserve("after", ORDER)]
            peer.close()
            return [str(state) for state in states]

    assert asyncio.run(story()) == ["held"] + ["owed"] * 19 + ["held"]


def test_without_time_outs_there_is_no_breaker_either() -> None:
    async def story() -> None:
        async with Server(lambda _: Answered(status=503)).running() as server:
            peer = Peer("inventory", server.url, Timeouts(None, None), Dependencies("inventory"))
            for number in range(10):
                with pytest.raises(PeerAway):
                    await Inventory(peer, peer, BackgroundWork()).reserve(str(number), ORDER)
            assert len(server.asked) == 10
            peer.close()

    asyncio.run(story())


def test_what_is_taken_is_told_by_order() -> None:
    results = [{"order_id": row(1).order_id, "status": "taken"}, {"order_id": row(2).order_id, "status": "short"}]

    async def story(inventory: Inventory, server: Server) -> None:
        assert await inventory.take([row(1), row(2)]) == {row(1).order_id: "taken", row(2).order_id: "short"}
        assert server.asked[0].document == {
            "orders": [{"order_id": row(number).order_id, "store_id": "store-001", "items": LINES} for number in (1, 2)]
        }

    asking(Answered(document={"results": results}), story)


@pytest.mark.parametrize("document", [None, [], {}, {"results": [{"order_id": 1}]}])
def test_an_answer_without_results_took_nothing_for_certain(document: object) -> None:
    async def story(inventory: Inventory, _: Server) -> None:
        with pytest.raises(PeerAway):
            await inventory.take([row(1)])

    asking(Answered(document=document), story)


@pytest.mark.parametrize(
    "answer", [Answered(document={}), Answered(status=503), SILENT], ids=["there", "503", "silent"]
)
def test_giving_back_is_asked_once_and_waited_for_by_nobody(answer: Answered) -> None:
    async def told() -> None:
        asked = asyncio.Event()

        def answered(_: object) -> Answered:
            asked.set()
            return answer

        async with Server(answered).running() as server:
            background, peer = BackgroundWork(), server.peer("inventory")
            Inventory(peer, peer, background).give_back("o")
            assert server.asked == []
            async with asyncio.timeout(30):
                await asked.wait()
            assert [each.document for each in server.asked] == [{"order_id": "o"}]
            await background.close()
            peer.close()

    asyncio.run(told())


def test_the_sample_is_an_order() -> None:
    assert ORDER.total_cents == 2 * PRICES_CENTS[LATTE] + PRICES_CENTS[CROISSANT]


def metrics() -> MetricReports:
    return MetricReports(NoCloudWatch(), namespace="n", dimensions={}, period_s=60)
