"""The store over documents in memory: what it writes and reads, and what it makes of what goes wrong."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bson import Decimal128
from pymongo.errors import AutoReconnect, DuplicateKeyError, OperationFailure, ServerSelectionTimeoutError

from services.assortment import PRICES_CENTS
from services.chassis.aws.errors import AwsError
from services.chassis.postgres.connection import Login
from services.chassis.web.health import Dependencies
from services.menu.domain import Offer
from services.menu.store import COLLECTION, DATABASE, NAME, THE_MENU, DocumentStore, StoreUnavailable
from services.menu.tests.documents import Cluster
from services.menu.tests.fakes import LATTE

OFFER = Offer(name="Latte", category="coffee", price_cents=455)
Story = Callable[[Cluster, DocumentStore], Awaitable[None]]


class Passwords:
    """What Secrets Manager says of the login; `error` instead, while there is one."""

    def __init__(self) -> None:
        self.now = "first"
        self.error: Exception | None = None

    async def __call__(self) -> Login:
        if self.error is not None:
            raise self.error
        return Login(user="menu", password=self.now)


@pytest.fixture
def passwords() -> Passwords:
    return Passwords()


@pytest.fixture
def dependencies() -> Dependencies:
    return Dependencies(NAME)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, passwords: Passwords, dependencies: Dependencies) -> Callable[[Story], None]:
    cluster = Cluster()
    monkeypatch.setattr("services.menu.store.AsyncMongoClient", cluster.client)

    def tell(story: Story) -> None:
        async def run() -> None:
            await story(cluster, DocumentStore("mongodb://menu", passwords, dependencies))

        asyncio.run(run())

    return tell


def test_who_finds_no_menu_makes_it_of_the_assortment(told: Callable[[Story], None]) -> None:
    async def story(_: Cluster, store: DocumentStore) -> None:
        menu = await store.read()
        assert {item.item_id: item.offer.price_cents for item in menu.items} == PRICES_CENTS
        assert menu.version == 1

    told(story)


def test_several_that_start_at_once_make_one_menu(told: Callable[[Story], None], passwords: Passwords) -> None:
    async def story(_: Cluster, store: DocumentStore) -> None:
        others = [DocumentStore("mongodb://menu", passwords, Dependencies(NAME)) for _ in range(5)]
        menus = await asyncio.gather(*(each.read() for each in (store, *others)))
        assert len({menu.born for menu in menus}) == 1

    told(story)


def test_who_is_second_to_make_it_takes_what_is_there(told: Callable[[Story], None]) -> None:
    """Of two upserts at once one is refused by the id's index."""

    async def story(cluster: Cluster, store: DocumentStore) -> None:
        menu = await store.read()
        found = cluster.databases[DATABASE][COLLECTION].find_one({"_id": THE_MENU})
        cluster.databases[DATABASE][COLLECTION].delete_one({"_id": THE_MENU})

        def taken(operation: str) -> Exception | None:
            if operation != "update_one":
                return None
            cluster.databases[DATABASE][COLLECTION].insert_one(found)
            return DuplicateKeyError("E11000")

        cluster.failing = taken
        assert await store.read() == menu

    told(story)


def test_a_change_counts_item_and_menu_up_and_leaves_the_rest(told: Callable[[Story], None]) -> None:
    async def story(_: Cluster, store: DocumentStore) -> None:
        before = await store.read()
        after = await store.replace(LATTE, OFFER, before.item(LATTE).revision)
        assert after is not None
        assert (after.version, after.item(LATTE).offer, after.item(LATTE).revision) == (2, OFFER, 2)
        assert [i for i in after.items if i.item_id != LATTE] == [i for i in before.items if i.item_id != LATTE]
        assert await store.read() == after

    told(story)


def test_a_change_of_a_revision_that_is_gone_changes_nothing(told: Callable[[Story], None]) -> None:
    async def story(_: Cluster, store: DocumentStore) -> None:
        before = await store.read()
        for revision in (0, 2):
            assert await store.replace(LATTE, OFFER, revision) is None
        assert await store.read() == before

    told(story)


@pytest.mark.parametrize("price", [Decimal128("4.55"), 4.55, "455"])
def test_a_price_that_somebody_made_a_decimal_is_no_menu(told: Callable[[Story], None], price: object) -> None:
    async def story(cluster: Cluster, store: DocumentStore) -> None:
        await store.read()
        cluster.databases[DATABASE][COLLECTION].update_one(
            {"_id": THE_MENU}, {"$set": {f"items.{LATTE}.price_cents": price}}
        )
        with pytest.raises(StoreUnavailable, match=f"price_cents of {LATTE} must be a whole number"):
            await store.read()

    told(story)


@pytest.mark.parametrize(
    "error",
    [
        ServerSelectionTimeoutError("nobody"),
        AutoReconnect("gone"),
        OperationFailure("not primary", 10107),
        OSError("reset"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize(
    ("operation", "ask"),
    [
        ("find_one", lambda store: store.read()),
        ("find_one_and_update", lambda store: store.replace(LATTE, OFFER, 1)),
    ],
    ids=["read", "replace"],
)
def test_a_database_that_does_not_answer_is_unavailable_and_known_as_such(
    told: Callable[[Story], None],
    dependencies: Dependencies,
    error: Exception,
    operation: str,
    ask: Callable[[DocumentStore], Awaitable[object]],
) -> None:
    async def story(cluster: Cluster, store: DocumentStore) -> None:
        await store.read()
        cluster.failing = lambda name: error if name == operation else None
        with pytest.raises(StoreUnavailable, match=type(error).__name__):
            await ask(store)
        assert dependencies.report()[NAME]["state"] == "failing"
        cluster.failing = lambda _: None
        await store.read()
        assert dependencies.report()[NAME]["state"] == "ok"
        assert cluster.logins == ["first"]

    told(story)


def test_a_password_that_was_rotated_is_read_anew(told: Callable[[Story], None], passwords: Passwords) -> None:
    async def story(cluster: Cluster, store: DocumentStore) -> None:
        await store.read()
        passwords.now = "second"
        cluster.failing = lambda _: OperationFailure("Authentication failed.", 18)
        with pytest.raises(StoreUnavailable):
            await store.read()
        cluster.failing = lambda _: None
        await store.read()
        assert (cluster.logins, cluster.closed) == (["first", "second"], 1)

    told(story)


def test_a_login_refused_late_leaves_who_came_with_the_new_one_alone(
    told: Callable[[Story], None], passwords: Passwords
) -> None:
    async def story(cluster: Cluster, store: DocumentStore) -> None:
        refused = OperationFailure("Authentication failed.", 18)
        soon, late, are_both_held = asyncio.Event(), asyncio.Event(), asyncio.Barrier(3)
        held = [soon, late]

        async def holding() -> None:
            if held:
                gate = held.pop(0)
                await are_both_held.wait()
                await gate.wait()

        await store.read()
        cluster.holding = holding
        reading = [asyncio.create_task(store.read()) for _ in range(2)]
        await are_both_held.wait()
        passwords.now = "second"
        for gate, task in zip((soon, late), reading, strict=True):
            cluster.failing = lambda _: refused
            gate.set()
            with pytest.raises(StoreUnavailable):
                await task
            cluster.failing = lambda _: None
            await store.read()
        assert (cluster.logins, cluster.closed) == (["first", "second"], 1)

    told(story)


def test_a_login_that_cannot_be_read_leaves_the_store_away_for_now(
    told: Callable[[Story], None], passwords: Passwords
) -> None:
    async def story(_: Cluster, store: DocumentStore) -> None:
        passwords.error = AwsError(operation="GetSecretValue", code="ThrottlingException", message="slow down")
        with pytest.raises(StoreUnavailable, match="slow down"):
            await store.read()
        passwords.error = None
        assert (await store.read()).version == 1

    told(story)
