"""The hourly recalculation: the same customers from the same seed, and each as a slow reading of the rules says."""

from pathlib import Path

import numpy as np
import pytest

from services.loyalty.customers import Customers, Population, draw
from services.loyalty.domain import TIERS
from services.loyalty.recalculation import Recalculated, Recalculation, fibonacci, recalculate
from services.loyalty.stress import batch

LITTLE = 200_000


def test_customers_are_drawn_by_their_seed_whoever_asks_first(tmp_path: Path) -> None:
    first, second = Population(tmp_path / "a", LITTLE), Population(tmp_path / "a", LITTLE)
    elsewhere, other = Population(tmp_path / "b", LITTLE), Population(tmp_path / "b", LITTLE, 7)
    earned = first.block(2).earned.copy()
    assert len(set(earned.tolist())) > 1_000
    for population in (second, elsewhere):
        assert np.array_equal(population.block(2).earned, earned)
    assert not np.array_equal(other.block(2).earned, earned)


def test_a_block_is_drawn_once_and_a_torn_one_again(tmp_path: Path) -> None:
    population = Population(tmp_path, LITTLE)
    earned = population.block(1).earned
    earned[:] = 7
    assert set(Population(tmp_path, LITTLE).block(1).earned.tolist()) == {7}
    (tmp_path / f"drawn-1000003-{LITTLE}").write_bytes(bytes(4))
    assert len(set(Population(tmp_path, LITTLE).block(1).earned.tolist())) > 1_000


def test_blocks_are_all_customers_and_go_round(tmp_path: Path) -> None:
    population = Population(tmp_path, LITTLE)
    assert [population.block(number).count for number in range(4)] == [65_536, 65_536, 65_536, 3_392]
    assert np.array_equal(population.block(4).earned, population.block(0).earned)


def test_fibonacci_numbers() -> None:
    assert fibonacci(12) == [1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233]


def one(earned: int, visits: int, idle_hours: int) -> Customers:
    return Customers(
        earned=np.array([earned], dtype=np.int32),
        visits=np.array([visits], dtype=np.uint8),
        idle_hours=np.array([idle_hours], dtype=np.uint8),
    )


@pytest.mark.parametrize("visits", [0, 1, 3, 5, 6, 9, 255])
@pytest.mark.parametrize("idle_hours", [0, 1, 2, 4, 5, 100, 232, 239, 255])
@pytest.mark.parametrize("earned", [0, 999, 1_000, 5_000, 20_000, 2_000_000])
def test_each_customer_is_as_the_rules_say(earned: int, visits: int, idle_hours: int) -> None:
    result = recalculate(one(earned, visits, idle_hours))
    found = int(result.tiers[0]), int(result.points[0]), int(result.fraud[0])
    assert found == by_the_rules(earned, visits, idle_hours)


def by_the_rules(earned: int, visits: int, idle_hours: int) -> tuple[int, int, int]:
    """Tier, points and fraud score of one customer, read slowly."""
    tier = max(number for number, each in enumerate(TIERS) if earned >= each.least)
    steps = sum(step <= idle_hours for step in (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233))
    points = earned * (1000 - 15 * steps) // 1000 + visits * 650 * TIERS[tier].percent // 10_000
    absence = idle_hours * 12 if visits else 0
    noise = (points * 2_654_435_761 & 0xFFFF_FFFF) >> 22
    fraud = min(min(visits**3 * 40, 6_000) + absence + noise, 9_999)
    return tier, points, fraud


def test_customers_of_a_block_do_not_touch_each_other() -> None:
    """And what the memory of an earlier, longer block holds does not show."""
    work, room = Recalculation(5_000), Recalculated.room_for(5_000)
    for number, count in ((0, 5_000), (1, 3_001)):
        block, into = draw(number, count, 7), room.part(slice(count))
        work.recalculate(block, into)
        columns = (block.earned.tolist(), block.visits.tolist(), block.idle_hours.tolist())
        expected = [by_the_rules(*each) for each in zip(*columns, strict=True)]
        assert list(zip(into.tiers.tolist(), into.points.tolist(), into.fraud.tolist(), strict=True)) == expected


def test_the_work_says_how_many_customers_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("services.loyalty.stress.Population", lambda folder: Population(folder, 65_536))
    work = batch()
    assert [work(), work()] == [65_536, 65_536]
