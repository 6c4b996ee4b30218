"""Figures as people write them."""

from decimal import Decimal


def plain(value: float, sign: str = "") -> str:
    """Four significant digits, whole from 1000 on, and never a power of ten; `sign` "+" shows that of a gain too."""
    if abs(value) >= 1000:
        return f"{value:{sign}.0f}"
    rounded = f"{value:{sign}.4g}"
    return format(Decimal(rounded), f"{sign}f") if "e" in rounded else rounded
