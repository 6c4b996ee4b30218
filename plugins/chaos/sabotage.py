"""For the tests of the tests: a fault that plans, proves and undoes like the real one and breaks nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from plugins.chaos.fault import Cloud, Fault, Json, Kind, Plan


@dataclass(frozen=True, slots=True)
class NoOp:
    """`inner` without its effect. A scenario that does not end inconclusive with it would pass on nothing."""

    inner: Fault

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def title(self) -> str:
        return f"sabotaged, nothing happens: {self.inner.title}"

    @property
    def kind(self) -> Kind:
        return self.inner.kind

    @property
    def reads(self) -> tuple[str, ...]:
        return self.inner.reads

    @property
    def writes(self) -> tuple[str, ...]:
        return ()

    def plan(self, cloud: Cloud, at: float) -> Plan:
        return self.inner.plan(cloud, at)

    def inject(self, cloud: Cloud, plan: Plan) -> None:
        """Nothing: that is the sabotage."""

    def rollback(self, cloud: Cloud, plan: Plan) -> None:
        self.inner.rollback(cloud, plan)

    def symptom(self, cloud: Cloud, plan: Plan) -> str | None:
        return self.inner.symptom(cloud, plan)

    def fingerprint(self, cloud: Cloud, plan: Plan) -> Mapping[str, Json]:
        return self.inner.fingerprint(cloud, plan)
