import pytest

from services.assortment import ITEMS, PRICES_CENTS, STORES
from services.order.domain import Draft, OrderLine, cents, decimal, price, violations

PRICES = {"latte": 445, "bun": 325}


@pytest.mark.parametrize(
    ("amount", "expected"),
    [
        (1, 100),
        (12.5, 1250),
        (0.1, 10),
        (19.99, 1999),
        (1e3, 100_000),
        ("0.01", 1),
        ("12.50", 1250),
        ("12.500", 1250),
        ("1000000.00", 100_000_000),
        (1_000_000, 100_000_000),
    ],
    ids=repr,
)
def test_money_is_read_exactly(amount: float | str, expected: int) -> None:
    assert expected == cents(amount)


@pytest.mark.parametrize(
    "amount",
    [
        0,
        -1,
        -0.01,
        0.001,
        12.345,
        True,
        1_000_000.01,
        10**400,
        1e308,
        float("inf"),
        float("nan"),
        1e-7,
        "",
        "12,50",
        " 1",
        "1 ",
        "1e3",
        "0x10",
        "-1",
        "+1",
        "NaN",
        "١٢",
        "1" * 5000,
    ],
    ids=lambda amount: f"{type(amount).__name__} {amount!r:.20}",
)
def test_what_is_no_amount_of_money_is_refused(amount: float | str) -> None:
    with pytest.raises(ValueError, match="must be"):
        cents(amount)


@pytest.mark.parametrize(("amount_cents", "text"), [(1, "0.01"), (100, "1.00"), (123_456, "1234.56")])
def test_money_is_shown_with_two_digits(amount_cents: int, text: str) -> None:
    assert text == decimal(amount_cents)
    assert cents(text) == amount_cents


def draft(*lines: tuple[str, int], total: int | None = None) -> Draft:
    made = tuple(OrderLine(item_id=item, quantity=quantity) for item, quantity in lines)
    known = tuple(line for line in made if line.item_id in PRICES)
    total_cents = price(known, PRICES) if total is None else total
    return Draft(store_id="store-001", customer_id="c", lines=made, total_cents=total_cents)


@pytest.mark.parametrize(
    ("order", "pointers"),
    [
        pytest.param(draft(("latte", 2), ("bun", 1)), [], id="good"),
        pytest.param(draft(("latte", 1), ("latte", 1)), [], id="an item on two lines"),
        pytest.param(draft(("latte", 100)), [], id="as many as allowed"),
        pytest.param(draft(*[("bun", 1)] * 50), [], id="as many lines as allowed"),
        pytest.param(draft(("tea", 1)), ["/items/0/item_id"], id="unknown item"),
        pytest.param(draft(("latte", 0)), ["/items/0/quantity"], id="none of it"),
        pytest.param(draft(("latte", 101)), ["/items/0/quantity"], id="too many of it"),
        pytest.param(draft(), ["/items"], id="nothing"),
        pytest.param(draft(*[("bun", 1)] * 51), ["/items"], id="too many lines"),
        pytest.param(draft(("latte", 1), total=444), ["/total_amount"], id="a cent too little"),
        pytest.param(draft(("latte", 1), total=446), ["/total_amount"], id="a cent too much"),
        pytest.param(
            draft(("tea", 1), ("latte", 0)), ["/items/0/item_id", "/items/1/quantity"], id="every complaint at once"
        ),
    ],
)
def test_the_rules_of_an_order(order: Draft, pointers: list[str]) -> None:
    assert pointers == [violation.pointer for violation in violations(order, PRICES)]


@pytest.mark.parametrize(
    ("order", "rule"),
    [
        (draft(("tea", 1)), "is not on this store's menu"),
        (draft(("latte", 101)), "must be 1 to 100"),
        (draft(), "must have 1 to 50 lines"),
        (draft(("latte", 1), total=444), "must be 4.45, the sum of the lines"),
    ],
    ids=["menu", "quantity", "lines", "total"],
)
def test_a_complaint_says_what_is_allowed(order: Draft, rule: str) -> None:
    assert [violation.rule for violation in violations(order, PRICES)] == [rule]


def test_the_menu_is_sane() -> None:
    assert len({item.item_id for item in ITEMS}) == len(ITEMS) == len(PRICES_CENTS) > 40
    assert all(0 < item.price_cents < 10_000 for item in ITEMS)
    assert len(set(STORES)) == 200
