import pytest

from services.menu.domain import UnreadableMenu, read_menu, written
from services.menu.tests.fakes import LATTE, menu


def test_a_menu_that_is_written_is_read_as_it_was() -> None:
    assert read_menu(written(menu())) == menu()


@pytest.mark.parametrize("price", [4.45, 445.0, "445", None, True, 0, -1, {"$numberDecimal": "4.45"}])
def test_a_price_that_is_no_whole_number_of_cents_is_refused_by_its_item(price: object) -> None:
    """An import or a shell makes doubles and decimals of numbers, and nobody may round money."""
    found = written(menu())
    items = found["items"]
    assert isinstance(items, dict)
    items[LATTE]["price_cents"] = price
    with pytest.raises(UnreadableMenu, match=f"price_cents of {LATTE}"):
        read_menu(found)


@pytest.mark.parametrize("field", ["born", "version", "items"])
def test_a_menu_without_all_its_fields_is_none(field: str) -> None:
    found = written(menu())
    del found[field]
    with pytest.raises(UnreadableMenu, match=field):
        read_menu(found)
