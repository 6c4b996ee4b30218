"""What a stress run of a service claims: which story, and the CPU share it must hold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.slo import Slo
from plugins.stress.claim import Profile
from plugins.stress.cpu.judge import judge
from plugins.stress.cpu.preview import preview
from plugins.stress.cpu.runner import INDICATORS, run
from services.catalog import HttpService, http_service

if TYPE_CHECKING:
    from infrastructure.cloud import Platform
    from plugins.reporting.progress import Progress
    from plugins.reporting.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuClaim:
    """The service is driven to its target, holds it, still answers, and is calm again afterwards.

    `held` is judged on CPU over the steady part of the run, `answering` on health requests made meanwhile, `calm` on
    CPU after the run. `settle_s`: how long the feedback controller may take to reach the target.
    """

    service: HttpService
    held: Slo
    answering: Slo
    calm: Slo
    settle_s: float = 3.0

    def __post_init__(self) -> None:
        """`ClaimError` for an objective on what nobody measures here."""
        self.held.check_measured(("cpu",), self.id)
        self.answering.check_measured(INDICATORS, self.id)
        self.calm.check_measured(("cpu",), self.id)

    @classmethod
    def of(cls, name: str, *answering: str) -> "CpuClaim":
        """The claim for the HTTP service `name`: its own target and tolerance, `answering` as objectives."""
        found = http_service(name)
        story = found.stress
        return cls(
            service=found,
            held=Slo.of("held at the target", f"cpu = {story.target_cpu:g} % +- {story.tolerance:g}"),
            answering=Slo.of("still answering", *answering),
            calm=Slo.of("calm afterwards", "cpu <= 20 %"),
        )

    @property
    def id(self) -> str:
        return f"{self.service.name}-{self.service.stress.name}"

    def __repr__(self) -> str:
        return self.id

    def preview(self, profile: Profile) -> str:
        return preview(self, profile)

    def perform(self, platform: "Platform", profile: Profile, progress: "Progress") -> "RunRecord":
        return judge(self, run(platform, self, self.length_s(profile), progress))

    def length_s(self, profile: Profile) -> float:
        """Seconds of the run in `profile`: quick or full."""
        return self.service.stress.full_s if profile == "full" else self.service.stress.quick_s
