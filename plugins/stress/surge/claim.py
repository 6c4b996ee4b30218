"""What a surge claims: so many checkouts at the same moment are answered in time from nothing, and warm right after."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.slo import Slo
from plugins.stress.claim import Profile
from plugins.stress.surge.checkout import INDICATORS
from plugins.stress.surge.judge import judge
from plugins.stress.surge.preview import preview
from plugins.stress.surge.runner import run
from services.catalog import FunctionService, function

if TYPE_CHECKING:
    from infrastructure.cloud import Platform
    from plugins.reporting.progress import Progress
    from plugins.reporting.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SurgeClaim:
    """Every sandbox is retired, then all checkouts come at once; and once more, when the sandboxes are warm.

    `avalanche` is judged on the waves that found nothing, `warm` on those after them. `from_nothing` says how much of
    an avalanche has to be cold: one that met warm sandboxes proves nothing. Not all of it will be: whoever is answered
    early leaves a sandbox to one who was sent late. A p99 takes 299 samples (`plugins.slo.MIN_SAMPLES`), so the story
    has the surge come as often as it takes.
    """

    service: FunctionService
    avalanche: Slo
    warm: Slo
    from_nothing: Slo

    def __post_init__(self) -> None:
        """`ClaimError` for an objective on what nobody measures here."""
        for slo in (self.avalanche, self.warm, self.from_nothing):
            slo.check_measured(INDICATORS, self.id)

    @classmethod
    def of(cls, name: str, *warm: str) -> "SurgeClaim":
        """The claim for the function `name`: its own bound for the surge, `warm` as objectives for the next wave."""
        found = function(name)
        return cls(
            service=found,
            avalanche=Slo.of("the surge", f"p99 <= {found.stress.p99_ms:g} ms", "errors <= 0 %"),
            warm=Slo.of("warm again", *warm),
            from_nothing=Slo.of("from nothing", "cold >= 50 %"),
        )

    @property
    def id(self) -> str:
        return f"{self.service.name}-{self.service.stress.name}"

    def __repr__(self) -> str:
        return self.id

    @property
    def at_once(self) -> int:
        """Checkouts of one wave."""
        return self.service.stress.at_once

    def rounds(self, profile: Profile) -> int:
        """How many times the surge comes."""
        return self.service.stress.full if profile == "full" else self.service.stress.quick

    def preview(self, profile: Profile) -> str:
        return preview(self, profile)

    def perform(self, platform: "Platform", profile: Profile, progress: "Progress") -> "RunRecord":
        return judge(self, run(platform, self, profile, progress))
