"""The stress claims: one per service, in an explicit tuple."""

from plugins.stress.claim import StressClaim

CLAIMS: tuple[StressClaim, ...] = (StressClaim.of("order", "p50 <= 250 ms", "errors <= 0 %"),)
