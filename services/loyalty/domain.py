"""The rules of points and tiers. Pure. Points are whole, money is in cents, multipliers in percent."""

from dataclasses import dataclass

CENTS_PER_POINT = 100
"""A dollar is a point, before the tier's multiplier."""
MAX_CENTS = 100_000_000
MAX_POINTS = 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tier:
    """From `least` points ever earned on, a customer earns `percent` of the points."""

    name: str
    least: int
    percent: int


TIERS = (
    Tier(name="bronze", least=0, percent=100),
    Tier(name="silver", least=1_000, percent=125),
    Tier(name="gold", least=5_000, percent=150),
    Tier(name="platinum", least=20_000, percent=200),
)
"""Lowest first."""


def tier_of(earned: int) -> Tier:
    """The highest tier that `earned` points in all reach."""
    return next(tier for tier in reversed(TIERS) if earned >= tier.least)


def points_for(total_cents: int, tier: Tier) -> int:
    """What an order of `total_cents` earns in `tier`, rounded down."""
    return total_cents * tier.percent // (100 * CENTS_PER_POINT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A customer's points: those to spend, and those ever earned, which make the tier."""

    customer_id: str
    balance: int = 0
    earned: int = 0

    @property
    def tier(self) -> Tier:
        return tier_of(self.earned)
