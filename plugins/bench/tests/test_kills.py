from collections import Counter

import pytest

from plugins.bench.kills.schedule import AT_LEAST, VICTIMS, draw

SCENARIOS = ("01", "04")


@pytest.mark.parametrize("seed", range(5))
def test_every_schedule_covers_the_moments_and_the_victims(seed: int) -> None:
    kills = draw(50, SCENARIOS, seed)
    moments = Counter(kill.moment for kill in kills)
    assert len(kills) == 50
    assert min(moments["inject"], moments["rollback"]) >= AT_LEAST
    assert {kill.victim for kill in kills} == set(VICTIMS)


def test_the_same_seed_draws_the_same_schedule() -> None:
    assert draw(20, SCENARIOS, 7) == draw(20, SCENARIOS, 7)


def test_a_hang_is_only_tried_where_the_platform_outlives_the_run() -> None:
    assert all(kill.is_kept for kill in draw(50, SCENARIOS, 3) if kill.victim == "hang")
