"""Ten thousand bad requests: none is a success, none breaks the service, none leaves anything behind."""

import asyncio
import json
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.chassis.web.tests.asking import Answer
from services.order.routes import ROUTE
from services.order.tests.fakes import Shop
from services.order.tests.samples import order

COUNT = 10_000
JSON = [("content-type", "application/json")]
NOT_A_VALUE: tuple[object, ...] = (
    None, True, False, 0, -1, 1.5, 1e308, -1e-308, 2**63, 10**200, "", " ", "x" * 300, "\x00", "\ud83d\ude00", "'; --",
    "${jndi:ldap://x}", [], [[]], {}, {"$ne": 1}, ["a"] * 60, [None], "-0.00",
)  # fmt: skip
FIELDS = ("store_id", "customer_id", "items", "total_amount")

Mutation = Callable[[random.Random], bytes]


def broken_field(draw: random.Random) -> bytes:
    return json.dumps(order(**{draw.choice(FIELDS): draw.choice(NOT_A_VALUE)})).encode()


def missing_field(draw: random.Random) -> bytes:
    left = order()
    del left[draw.choice(FIELDS)]
    return json.dumps(left).encode()


def broken_line(draw: random.Random) -> bytes:
    line: dict[str, object] = {"item_id": "latte-grande", "quantity": 1}
    line[draw.choice(("item_id", "quantity"))] = draw.choice(NOT_A_VALUE)
    return json.dumps(order(items=[line, draw.choice(NOT_A_VALUE)])).encode()


def wrong_total(draw: random.Random) -> bytes:
    cents = draw.choice([0, 1, 1214, 1216, draw.randrange(1216, 10**12)])
    return json.dumps(
        order(total_amount=draw.choice([cents / 100, -cents / 100, f"{cents / 100:.2f}", cents, "NaN", "1e9"]))
    ).encode()


def truncated(draw: random.Random) -> bytes:
    good = json.dumps(order()).encode()
    return good[: draw.randrange(len(good))]


def noise(draw: random.Random) -> bytes:
    return draw.randbytes(draw.randrange(1, 200))


def bad_utf8(draw: random.Random) -> bytes:
    good = json.dumps(order()).encode()
    at = good.index(b"customer") + draw.randrange(8)
    return good[:at] + bytes([draw.randrange(0x80, 0xC0)]) + good[at:]


def nested(draw: random.Random) -> bytes:
    depth = draw.randrange(200, 5000)
    return b'{"items":' + b"[" * depth + b"]" * depth + b"}"


def bare_number(draw: random.Random) -> bytes:
    return draw.choice([b"NaN", b"-Infinity", b"1e999", b"9" * 5000, b'"order"', b"[1,2]"])


MUTATIONS: tuple[Mutation, ...] = (
    broken_field, missing_field, broken_line, wrong_total, truncated, noise, bad_utf8, nested, bare_number,
)  # fmt: skip


def check(answer: Answer, body: bytes) -> None:
    assert 400 <= answer.status < 500, (answer.status, body[:300])
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.document["status"] == answer.status


def test_ten_thousand_bad_requests_are_ten_thousand_problems() -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")  # noqa: T201 - shown when the test fails
    shop = Shop()

    async def send_all(draw: random.Random) -> None:
        for _ in range(COUNT):
            body = draw.choice(MUTATIONS)(draw)
            check(await shop.ask_async("POST", ROUTE, body, JSON), body)

    asyncio.run(send_all(random.Random(seed)))  # noqa: S311 - a seed that can be given again
    assert shop.book.orders == {}
    assert shop.book.keys == {}


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=10,
)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES | st.dictionaries(st.sampled_from(FIELDS), JSON_VALUES))
def test_whatever_json_comes_there_is_a_clean_answer(value: object) -> None:
    shop = Shop()
    body = json.dumps(value).encode()
    check(shop.ask("POST", ROUTE, body, JSON), body)
    assert shop.book.orders == {}


@settings(max_examples=200, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]),
    path=st.text(st.characters(codec="utf-8"), max_size=60).map(lambda tail: f"{ROUTE}/{tail}"),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "idempotency-key", "x-correlation-id", "content-length", "accept"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80),
        max_size=4,
    ),
)
def test_no_method_path_or_header_breaks_the_service(method: str, path: str, headers: dict[str, str]) -> None:
    shop = Shop()
    answer = shop.ask(method, path, b"x", headers.items())
    assert 200 <= answer.status < 500
    assert shop.book.orders == {}


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_every_mutation_really_is_one(mutation: Mutation) -> None:
    good = json.dumps(order()).encode()
    assert all(mutation(random.Random(seed)) != good for seed in range(50))  # noqa: S311 - chosen seeds
