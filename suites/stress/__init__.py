"""The stress claims: one per service, in an explicit tuple."""

from plugins.stress.claim import StressClaim
from plugins.stress.cpu.claim import CpuClaim

CLAIMS: tuple[StressClaim, ...] = (CpuClaim.of("order", "p50 <= 250 ms", "errors <= 0 %"),)
