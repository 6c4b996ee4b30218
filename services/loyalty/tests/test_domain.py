"""The rules of points and tiers, as they are published."""

import pytest

from services.loyalty.domain import Account, points_for, tier_of


@pytest.mark.parametrize(
    ("earned", "name"),
    [
        (0, "bronze"),
        (999, "bronze"),
        (1_000, "silver"),
        (4_999, "silver"),
        (5_000, "gold"),
        (19_999, "gold"),
        (20_000, "platinum"),
        (10_000_000, "platinum"),
    ],
)
def test_a_tier_is_reached_by_points_ever_earned(earned: int, name: str) -> None:
    assert tier_of(earned).name == name


@pytest.mark.parametrize(("earned", "points"), [(0, 19), (1_000, 24), (5_000, 29), (20_000, 39)])
def test_a_higher_tier_earns_more_rounded_down(earned: int, points: int) -> None:
    assert points_for(1_999, tier_of(earned)) == points


def test_spending_points_does_not_lower_the_tier() -> None:
    assert Account(customer_id="c", balance=0, earned=5_000).tier.name == "gold"
