"""Named parameters: found where they stand for values, and put in as literals there alone."""

import pytest

from infrastructure.embedded.engines.warehouse.parameters import bound, names


@pytest.mark.parametrize(
    ("sql", "found"),
    [
        ("SELECT :a, t.b FROM t WHERE c=:c_1", {"a", "c_1"}),
        ("SELECT ':no', \":no\", x::INT -- :no\n, 1 /* :no */", set()),
        ("SELECT 'it''s :no', :yes", {"yes"}),
        ("SELECT TIME '10:30:00'", set()),
    ],
)
def test_names_are_those_that_stand_for_values(sql: str, found: set[str]) -> None:
    assert names(sql) == found


def test_values_are_quoted_and_nothing_else_changes() -> None:
    given = [{"name": "a", "value": "it's"}, {"name": "ab", "value": "$a"}]
    assert bound("SELECT $a, '$a', \"$a\", $ab, $other", given) == "SELECT 'it''s', '$a', \"$a\", '$a', $other"
