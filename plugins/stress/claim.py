"""What a stress run claims: which service, which story, and the CPU share it must hold. Pure data."""

from dataclasses import dataclass

from plugins.slo import Slo
from services.catalog import HttpService, http_service


@dataclass(frozen=True, slots=True, kw_only=True)
class StressClaim:
    """The service is driven to its target, holds it, still answers, and is calm again afterwards.

    `held` is judged on CPU over the steady part of the run, `answering` on health requests made meanwhile, `calm` on
    CPU after the run. `settle_s`: how long the feedback controller may take to reach the target.
    """

    service: HttpService
    held: Slo
    answering: Slo
    calm: Slo
    settle_s: float = 3.0

    @classmethod
    def of(cls, name: str, *answering: str) -> "StressClaim":
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

    def length_s(self, profile: str) -> float:
        """Seconds of the run in `profile`: quick or full."""
        return self.service.stress.full_s if profile == "full" else self.service.stress.quick_s
