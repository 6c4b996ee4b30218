from dataclasses import replace

import pytest

from services.assortment import DOCUMENT, STORES
from services.menu.boards import Line, apply, differences, render, season
from services.menu.stress import launch

BEFORE = season(DOCUMENT, "late summer", is_launched=False)
AFTER = season(DOCUMENT, "autumn", is_launched=True)


@pytest.mark.parametrize("store", STORES[:8])
def test_the_differences_make_the_new_board_of_the_old_and_back(store: str) -> None:
    old, new = render(store, BEFORE), render(store, AFTER)
    assert apply(list(differences(old, new)), old) == new
    assert apply(list(differences(new, old)), new) == old


def test_a_launch_adds_the_season_and_changes_the_title() -> None:
    changes = list(differences(render(STORES[0], BEFORE), render(STORES[0], AFTER)))
    assert [(each.kind, each.line.key[1]) for each in changes] == [
        ("changed", ""),
        ("added", ""),
        ("added", "maple-cortado"),
        ("added", "pumpkin-spice-latte"),
    ]
    assert changes[-1].line.text == "Pumpkin Spice Latte (milk): tall $4.95 · grande $5.45 · venti $5.95"


def test_a_store_without_an_oven_offers_no_warm_food() -> None:
    boards = {store: [line.text for line in render(store, AFTER)] for store in STORES[:4]}
    assert [store for store, lines in boards.items() if "FOOD" not in lines] == ["store-004"]


def test_boards_that_are_the_same_do_not_differ() -> None:
    board = render(STORES[0], AFTER)
    assert list(differences(board, [replace(line) for line in board])) == []
    assert [each.kind for each in differences(board, [])] == ["removed"] * len(board)
    assert [each.kind for each in differences([], [Line((0, "a"), "A")])] == ["added"]


def test_the_work_is_done_store_by_store() -> None:
    work = launch()
    assert sum(work() for _ in range(len(STORES) + 1)) == len(STORES) + 1
