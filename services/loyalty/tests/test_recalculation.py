"""The hourly recalculation: the same customers from the same seed, and each as a slow reading of the rules says."""

from pathlib import Path

import numpy as np
import pytest

from services.loyalty.customers import Customers, mapped
from services.loyalty.domain import TIERS
from services.loyalty.recalculation import fibonacci, recalculate
from services.loyalty.stress import batch

LITTLE = 200_000


def test_customers_are_drawn_by_their_seed_and_only_once(tmp_path: Path) -> None:
    first = mapped(tmp_path / "a", LITTLE)
    files = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "a").iterdir()}
    again, elsewhere, other = (
        mapped(tmp_path / "a", LITTLE),
        mapped(tmp_path / "b", LITTLE),
        mapped(tmp_path, LITTLE, 7),
    )
    assert {file.name: file.stat().st_mtime_ns for file in (tmp_path / "a").iterdir()} == files
    for found in (again, elsewhere):
        assert all(np.array_equal(getattr(first, name), getattr(found, name)) for name in ("earned", "visits"))
    assert not np.array_equal(first.earned, other.earned)


def test_blocks_are_all_customers_and_go_round(tmp_path: Path) -> None:
    customers = mapped(tmp_path, LITTLE)
    sizes = [customers.block(number).count for number in range(4)]
    assert sizes == [65_536, 65_536, 65_536, 3_392]
    assert np.array_equal(customers.block(4).earned, customers.block(0).earned)


def test_fibonacci_numbers() -> None:
    assert fibonacci(12) == [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233]


def one(earned: int, visits: int, idle_hours: int) -> Customers:
    return Customers(
        earned=np.array([earned], dtype=np.int32),
        visits=np.array([visits], dtype=np.uint8),
        idle_hours=np.array([idle_hours], dtype=np.uint8),
    )


@pytest.mark.parametrize("visits", [0, 1, 3, 9])
@pytest.mark.parametrize("idle_hours", [0, 1, 2, 4, 5, 100, 232, 239])
@pytest.mark.parametrize("earned", [0, 999, 1_000, 5_000, 20_000, 2_000_000])
def test_each_customer_is_as_the_rules_say(earned: int, visits: int, idle_hours: int) -> None:
    result = recalculate(one(earned, visits, idle_hours))
    tier = max(number for number, each in enumerate(TIERS) if earned >= each.least)
    steps = sum(step <= idle_hours for step in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233))
    points = earned * (1000 - 15 * steps) // 1000 + visits * 650 * TIERS[tier].percent // 10_000
    absence = idle_hours * 12 if visits else 0
    noise = (points * 2_654_435_761 & 0xFFFF_FFFF) >> 22
    fraud = min(min(visits**3 * 40, 6_000) + absence + noise, 9_999)
    assert (int(result.tiers[0]), int(result.points[0]), int(result.fraud[0])) == (tier, points, fraud)


def test_the_work_says_how_many_customers_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("services.loyalty.stress.mapped", lambda folder: mapped(folder, 65_536))
    work = batch()
    assert [work(), work()] == [65_536, 65_536]
