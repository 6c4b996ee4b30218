"""The endpoints: paging, validators, freshness, preconditions, and what is refused."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.assortment import PRICES_CENTS
from services.chassis.web.tests.asking import ask
from services.menu.domain import MAX_PAGE
from services.menu.routes import FRESH, STALE
from services.menu.tests.fakes import LATTE, Pod, World, priced

Story = Callable[[World, Pod], Awaitable[None]]
BODY = {"name": "Caffè Latte, grande", "category": "coffee", "price_cents": 455}


def told(story: Story) -> None:
    """`story`, of a pod that has read its menu."""

    async def run() -> None:
        world = World()
        await world.look()
        await story(world, world.pods[0])

    asyncio.run(run())


@pytest.mark.parametrize("limit", [1, 7, 91, 92, MAX_PAGE])
def test_pages_together_are_the_menu_each_item_once(limit: int) -> None:
    async def story(_world: World, pod: Pod) -> None:
        found: dict[str, int] = {}
        after = ""
        for _ in range(len(PRICES_CENTS) + 1):
            page = (await pod.get(f"/items?limit={limit}{after}")).document
            items, following = page["items"], page["next"]
            assert isinstance(items, list)
            assert len(items) <= limit
            assert not found.keys() & {item["item_id"] for item in items}
            found |= {item["item_id"]: item["price_cents"] for item in items}
            if following is None:
                break
            after = f"&after={following}"
        assert found == PRICES_CENTS

    told(story)


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "after=A", "after=a.b", "after=%24a"])
def test_a_page_that_is_none_is_refused(query: str) -> None:
    async def story(_: World, pod: Pod) -> None:
        answer = await pod.get(f"/items?{query}")
        assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")

    told(story)


def test_a_page_goes_on_behind_an_item_that_is_gone() -> None:
    async def story(_: World, pod: Pod) -> None:
        page = (await pod.get("/items?limit=1&after=latte-g")).document
        assert page["items"] == [
            {"item_id": LATTE, "name": "Caffè Latte, grande", "category": "coffee", "price_cents": 445}
        ]

    told(story)


@pytest.mark.parametrize("path", ["/items", f"/items/{LATTE}"])
@pytest.mark.parametrize(
    ("form", "status"),
    [
        ("{etag}", 304),
        ("W/{etag}", 304),
        ('"other", {etag}', 304),
        (' ,"other" ,\tW/"x", {etag} , ', 304),
        ("*", 304),
        ('"other"', 200),
        ("nonsense", 200),
        ("", 200),
    ],
)
def test_who_has_it_is_told_so(path: str, form: str, status: int) -> None:
    """RFC 9110, 13.1.2: the weak comparison, over a list; what cannot be read is no reason to leave anything out."""

    async def story(_: World, pod: Pod) -> None:
        first = await pod.get(path)
        again = await pod.get(path, if_none_match=form.format(etag=first.headers["etag"]))
        assert again.status == status
        assert (again.body == b"") == (status == 304)
        kept = ("etag", "cache-control")
        assert [again.headers[name] for name in kept] == [first.headers[name] for name in kept]

    told(story)


def test_a_list_of_validators_may_come_in_several_lines() -> None:
    """RFC 9110, 5.3."""

    async def story(_: World, pod: Pod) -> None:
        etag = (await pod.get("/items")).headers["etag"]
        lines = [("if-none-match", '"other"'), ("if-none-match", etag)]
        assert (await ask(pod.app, "GET", "/api/menu/items", headers=lines)).status == 304

    told(story)


def test_a_change_gives_the_menu_and_that_item_new_validators() -> None:
    async def story(_: World, pod: Pod) -> None:
        paths = ("/items", "/items?limit=1", f"/items/{LATTE}", "/items/espresso-single")
        before = [(await pod.get(path)).headers["etag"] for path in paths]
        assert (await pod.put(LATTE, BODY)).status == 200
        after = [(await pod.get(path)).headers["etag"] for path in paths]
        assert [old == new for old, new in zip(before, after, strict=True)] == [False, False, False, True]

    told(story)


def test_head_is_get_without_the_body() -> None:
    async def story(_: World, pod: Pod) -> None:
        got, headed = await pod.get("/items"), await pod.ask("HEAD", "/items")
        assert (headed.status, headed.headers["etag"]) == (200, got.headers["etag"])
        assert headed.headers["content-length"] == got.headers["content-length"]

    told(story)


def test_a_stale_answer_says_so_and_may_not_be_kept_for_long() -> None:
    async def story(world: World, pod: Pod) -> None:
        fresh = await pod.get("/items")
        assert fresh.headers["cache-control"] == FRESH
        assert "cache-status" not in fresh.headers
        world.clock.now += 65
        stale = await pod.get("/items")
        assert (stale.body, stale.headers["etag"]) == (fresh.body, fresh.headers["etag"])
        assert stale.headers["cache-control"] == STALE
        assert stale.headers["cache-status"] == "menu; hit; ttl=-61; detail=stale"
        assert pod.counts["stale"] == 1

    told(story)


def test_before_anything_is_known_the_answer_says_when_to_come_again() -> None:
    async def run() -> None:
        answer = await World().pods[0].get("/items")
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")

    asyncio.run(run())


def test_put_changes_the_item_and_counts_the_menu_up() -> None:
    async def story(_: World, pod: Pod) -> None:
        made = (await pod.put(LATTE, {"item_id": LATTE, **BODY})).document
        got = await pod.get(f"/items/{LATTE}")
        assert got.document == {"item_id": LATTE, **BODY}
        assert made == {**got.document, "version": 2, "etag": got.headers["etag"]}
        assert (await pod.get("/items")).document["version"] == 2

    told(story)


def test_put_again_changes_nothing() -> None:
    async def story(_: World, pod: Pod) -> None:
        first, again = await pod.put(LATTE, BODY), await pod.put(LATTE, BODY)
        assert (again.status, again.document) == (200, first.document)
        assert pod.counts["MenuChanges"] == 1

    told(story)


def test_put_shows_no_validator_of_what_was_not_kept_as_sent() -> None:
    """RFC 9110, 9.3.4."""

    async def story(_: World, pod: Pod) -> None:
        assert "etag" not in (await pod.put(LATTE, BODY)).headers

    told(story)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if_match": "{etag}"}, 200),
        ({"if_match": '"x", {etag}'}, 200),
        ({"if_match": "*"}, 200),
        ({"if_match": "W/{etag}"}, 412),
        ({"if_match": '"x"'}, 412),
        ({"if_match": "x"}, 400),
        ({"if_none_match": "*"}, 412),
        ({"if_none_match": "{etag}"}, 412),
        ({"if_none_match": '"x"'}, 200),
        ({"if_match": "{etag}", "if_none_match": "*"}, 200),
    ],
)
def test_a_change_is_made_to_what_was_meant(headers: dict[str, str], status: int) -> None:
    """RFC 9110, 13.1.1 and 13.2.2: the strong comparison, and If-Match goes before If-None-Match."""

    async def story(world: World, pod: Pod) -> None:
        etag = (await pod.get(f"/items/{LATTE}")).headers["etag"]
        sent = {name: field.format(etag=etag) for name, field in headers.items()}
        assert (await pod.put(LATTE, BODY, **sent)).status == status
        assert (world.store.menu.version == 2) == (status == 200)

    told(story)


def test_of_two_who_saw_the_same_item_one_changes_it() -> None:
    async def story(_: World, pod: Pod) -> None:
        etag = (await pod.get(f"/items/{LATTE}")).headers["etag"]
        answers = await asyncio.gather(
            *(pod.put(LATTE, {**BODY, "price_cents": cents}, if_match=etag) for cents in (500, 501, 502))
        )
        assert sorted(answer.status for answer in answers) == [200, 412, 412]

    told(story)


def test_who_asks_again_with_the_old_validator_has_what_was_asked_for() -> None:
    """The first answer was lost (RFC 9110, 13.1.1: the final state is already reflected)."""

    async def story(_: World, pod: Pod) -> None:
        etag = (await pod.get(f"/items/{LATTE}")).headers["etag"]
        assert (await pod.put(LATTE, BODY, if_match=etag)).status == 200
        assert (await pod.put(LATTE, BODY, if_match=etag)).status == 200

    told(story)


@pytest.mark.parametrize("path", ["/items/tea-of-nobody", "/items/tea-of-nobody?x=1"])
def test_what_is_not_on_the_menu_is_not_found(path: str) -> None:
    async def story(_: World, pod: Pod) -> None:
        assert (await pod.get(path)).status == 404
        assert (await pod.put("tea-of-nobody", BODY)).status == 404

    told(story)


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({**BODY, "price_cents": 0}, {"/price_cents"}),
        ({**BODY, "price_cents": 4.55}, {"/price_cents"}),
        ({**BODY, "price_cents": "455"}, {"/price_cents"}),
        ({**BODY, "price_cents": True}, {"/price_cents"}),
        ({**BODY, "price_cents": {"$numberDecimal": "4.55"}}, {"/price_cents"}),
        ({**BODY, "category": "Coffee"}, {"/category"}),
        ({**BODY, "name": ""}, {"/name"}),
        ({**BODY, "colour": "brown"}, {"/colour"}),
        ({**BODY, "item_id": "mocha-tall"}, {"/item_id"}),
        ({"price_cents": 1}, {"/name", "/category"}),
        (b"[", {""}),
    ],
)
def test_what_is_no_item_is_refused_with_the_places(body: object, pointers: set[str]) -> None:
    async def story(world: World, pod: Pod) -> None:
        answer = await pod.put(LATTE, body)
        assert (answer.status, answer.pointers) == (422, pointers)
        assert world.store.menu.version == 1

    told(story)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer wrong"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"content_range": "bytes 0-1/2"}, 400),
    ],
)
def test_only_operators_change_and_only_whole_items(headers: dict[str, str], status: int) -> None:
    async def story(_: World, pod: Pod) -> None:
        assert (await pod.put(LATTE, BODY, **headers)).status == status

    told(story)


def test_a_body_has_an_end() -> None:
    async def story(_: World, pod: Pod) -> None:
        assert (await pod.put(LATTE, b" " * 16_385)).status == 413

    told(story)


def test_without_the_database_reads_go_on_and_changes_are_to_be_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.menu.desk.PAUSE_S", 0.0)

    async def story(world: World, pod: Pod) -> None:
        world.store.is_away = True
        world.clock.now += 3
        await world.look()
        answer = await pod.put(LATTE, BODY)
        assert (answer.status, answer.headers["retry-after"]) == (503, "2")
        assert (await pod.get(f"/items/{LATTE}")).document["price_cents"] == PRICES_CENTS[LATTE]
        assert pod.copy.is_degraded
        world.store.is_away = False
        world.clock.now += 3
        await world.look()
        assert not pod.copy.is_degraded
        assert (await pod.put(LATTE, BODY)).status == 200

    told(story)


def test_once_the_database_is_known_to_be_away_a_change_is_tried_once() -> None:
    async def story(world: World, pod: Pod) -> None:
        world.store.is_away = True
        world.clock.now += 3
        await world.look()
        before = world.store.reads
        assert (await pod.put(LATTE, BODY)).status == 503
        assert world.store.reads == before + 1

    told(story)


def test_a_change_whose_answer_was_lost_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.menu.desk.PAUSE_S", 0.0)

    async def story(world: World, pod: Pod) -> None:
        etag = (await pod.get(f"/items/{LATTE}")).headers["etag"]
        world.store.loses = 1
        assert (await pod.put(LATTE, BODY, if_match=etag)).document["version"] == 2
        assert world.store.menu.item(LATTE).revision == 2
        assert pod.counts["again"] == 1

    told(story)


def test_a_change_that_another_one_overtakes_is_made_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.menu.desk.PAUSE_S", 0.0)

    async def story(world: World, pod: Pod) -> None:
        def overtake() -> None:
            world.store.before_replacing = lambda: None
            world.store.change(LATTE, priced(world.store.menu, LATTE, 999))

        world.store.before_replacing = overtake
        assert (await pod.put(LATTE, BODY)).document["version"] == 3
        assert world.store.menu.item(LATTE).offer.price_cents == BODY["price_cents"]

    told(story)
