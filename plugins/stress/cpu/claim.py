"""What a stress run of a service claims: which story, and the CPU share it must hold."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugins.slo import Slo
from plugins.stress.claim import Profile
from plugins.stress.cpu.judge import judge
from plugins.stress.cpu.preview import preview
from plugins.stress.cpu.runner import run
from plugins.stress.neighbours import others, promise
from plugins.stress.probing import INDICATORS
from services.catalog import HttpService, http_service

if TYPE_CHECKING:
    from infrastructure.cloud import Platform
    from plugins.reporting.progress import Progress
    from plugins.reporting.record import RunRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuClaim:
    """The service is driven to its target, holds it, still answers, stops when told to, and is calm again afterwards.

    `held` is judged on CPU over the steady part of the run, `worked` on what got done in it, `answering` on health
    requests made meanwhile, `stopped` on how long work was left after DELETE, `calm` on when CPU was under `calm_cpu`
    percent for good. What the other services promise meanwhile is in the catalogue. `settle_s`: how long the feedback
    controller may take to reach the target.
    """

    service: HttpService
    held: Slo
    worked: Slo
    answering: Slo
    stopped: Slo
    calm: Slo
    calm_cpu: float = 10.0
    settle_s: float = 3.0

    def __post_init__(self) -> None:
        """`ClaimError` for an objective on what nobody measures here."""
        self.held.check_measured(("cpu",), self.id)
        self.worked.check_measured(("rate",), self.id)
        self.answering.check_measured(INDICATORS, self.id)
        self.stopped.check_measured(("stop",), self.id)
        self.calm.check_measured(("back",), self.id)
        for other in others(self.service):
            promise(other)

    @classmethod
    def of(cls, name: str, *answering: str) -> "CpuClaim":
        """The claim for the HTTP service `name`: its own target and tolerance, `answering` as objectives."""
        found = http_service(name)
        story = found.stress
        return cls(
            service=found,
            held=Slo.of("held at the target", f"cpu = {story.target_cpu:g} % +- {story.tolerance:g}"),
            worked=Slo.of("worked", "rate >= 1 /s"),
            answering=Slo.of("still answering", *answering),
            stopped=Slo.of("stopped by DELETE", "stop <= 1 s"),
            calm=Slo.of("calm afterwards", "back <= 5 s"),
        )

    @property
    def slos(self) -> tuple[Slo, ...]:
        """Everything it claims of the service itself."""
        return (self.held, self.worked, self.answering, self.stopped, self.calm)

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
