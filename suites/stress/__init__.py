"""The stress claims: one per service, in an explicit tuple."""

from plugins.stress.claim import StressClaim
from plugins.stress.cpu.claim import CpuClaim
from plugins.stress.surge.claim import SurgeClaim

CLAIMS: tuple[StressClaim, ...] = (
    CpuClaim.of("order", "p50 <= 250 ms", "errors <= 0 %"),
    CpuClaim.of("loyalty", "p50 <= 250 ms", "errors <= 0 %"),
    CpuClaim.of("inventory", "p50 <= 250 ms", "errors <= 0 %"),
    CpuClaim.of("menu", "p50 <= 250 ms", "errors <= 0 %"),
    CpuClaim.of("analytics", "p50 <= 250 ms", "errors <= 0 %"),
    SurgeClaim.of("payment", "p99 <= 1000 ms", "errors <= 0 %"),
)
