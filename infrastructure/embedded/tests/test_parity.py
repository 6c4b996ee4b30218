"""The parity table says what the code says, and nothing that AWS does not have."""

from pathlib import Path

import pytest

from infrastructure.embedded import parity
from infrastructure.embedded.lags import LAGS

COMMITTED = Path(parity.__file__).with_name("PARITY.md")
TABLE = parity.table()


def test_the_committed_table_is_current() -> None:
    assert COMMITTED.read_text() == parity.document() + "\n", (
        "run: python -m infrastructure.embedded.parity > PARITY.md"
    )


@pytest.mark.parametrize("each", TABLE, ids=lambda each: each.api.key)
def test_every_declared_effect_is_of_a_call_that_aws_has(each: parity.Parity) -> None:
    assert sorted(set(each.effects) - parity.operations(each.api)) == []


@pytest.mark.parametrize("each", TABLE, ids=lambda each: each.api.key)
def test_what_is_allowed_exists(each: parity.Parity) -> None:
    recorded = {name for listed in each.api.records.values() for name in listed.split()} - {"*"}
    named = {*(each.api.reads or ()), *each.api.data, *each.api.effects, *recorded}
    assert sorted(named - parity.operations(each.api)) == []


@pytest.mark.parametrize("each", TABLE, ids=lambda each: each.api.key)
def test_what_is_declared_is_answered(each: parity.Parity) -> None:
    recorded = {name for listed in each.api.records.values() for name in listed.split()} - {"*"}
    assert sorted({*each.api.data, *each.api.effects, *recorded} - each.answered) == []


@pytest.mark.parametrize("each", TABLE, ids=lambda each: each.api.key)
def test_what_is_kinder_than_aws_is_a_real_effect(each: parity.Parity) -> None:
    assert sorted(set(each.api.kinder) - set(each.effects)) == []


def test_every_lag_is_listed_with_its_source() -> None:
    text = parity.document()
    assert [lag.what for lag in LAGS if f"| {lag.what} |" not in text or lag.source not in text] == []
