"""The weekly sync: what is booked, believed, counted again, ordered and refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.restocking import MAX_PIECES, merge
from services.inventory.stress import restock

PIECES = st.integers(0, 2_000)


def test_what_came_and_was_wasted_is_booked_and_a_near_count_believed() -> None:
    merged = merge(["latte,100,10,188"], {"latte": 100, "mocha": 7}, {})
    assert merged.stock == {"latte": 188, "mocha": 7}
    assert (merged.delivered, merged.wasted, merged.lost) == (100, 10, 2)


@pytest.mark.parametrize(("counted", "is_believed"), [(190, True), (210, True), (189, False), (211, False)])
def test_a_count_far_from_the_books_is_to_be_repeated(counted: int, is_believed: bool) -> None:
    merged = merge([f"latte,0,0,{counted}"], {"latte": 200}, {})
    assert (merged.stock["latte"], merged.recounts) == ((counted, []) if is_believed else (200, ["latte"]))


@pytest.mark.parametrize(
    ("stock", "cases"),
    [(400, None), (399, 1), (388, 1), (387, 2), (0, 34)],
    ids=["at par", "one", "a case", "more", "all"],
)
def test_what_is_below_its_par_is_ordered_in_whole_cases(stock: int, cases: int | None) -> None:
    assert merge([], {"latte": stock}, {"latte": 400}).orders.get("latte") == cases


@pytest.mark.parametrize(
    "line",
    ["", "latte", "latte,1,2", "latte,1,2,3,4", "tea,1,0,1", "latte,-1,0,1", "latte,1.5,0,1", "latte,1,102,0",
     f"latte,{MAX_PIECES + 1},0,1", "latte,99999999,0,1", "latte,x,0,1"],
)  # fmt: skip
def test_a_line_that_is_none_changes_nothing_and_is_kept(line: str) -> None:
    merged = merge([line], {"latte": 100}, {})
    assert (merged.stock, merged.rejected) == ({"latte": 100}, [line])


@given(st.lists(st.tuples(PIECES, PIECES, PIECES, PIECES), max_size=20))
def test_no_piece_appears_or_vanishes(rows: list[tuple[int, int, int, int]]) -> None:
    stock = {f"item-{number}": row[0] for number, row in enumerate(rows)}
    lines = [f"item-{number},{came},{wasted},{counted}" for number, (_, came, wasted, counted) in enumerate(rows)]
    merged = merge(lines, stock, {})
    assert sum(merged.stock.values()) == sum(stock.values()) + merged.delivered - merged.wasted - merged.lost
    assert len(merged.rejected) == sum(wasted > had + came for had, came, wasted, _ in rows)
    assert min(merged.stock.values(), default=0) >= 0


def test_the_work_of_restock_storm_merges_a_store_at_a_time() -> None:
    work = restock()
    assert {work() for _ in range(250)} == {92}
