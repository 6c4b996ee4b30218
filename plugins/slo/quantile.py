"""Quantiles of measured values."""

import math
from collections.abc import Sequence


def nearest_rank(ordered: Sequence[float], share: float) -> float | None:
    """The `share` quantile (0 to 1) of values in ascending order: always one that was measured; None of nothing."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else None
