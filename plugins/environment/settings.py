"""What the command line asked for, resolved once."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infrastructure.embedded.pace import Pace
from infrastructure.environment import Environment, Target
from services.catalog import SERVICES, Service

Profile = Literal["quick", "full"]

PROFILES: tuple[Profile, ...] = ("quick", "full")
SABOTAGES: tuple[str, ...] = ("none", "fault", "resilience", *(service.name for service in SERVICES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one run.

    `sabotage` is for the tests of the tests: `fault` replaces each fault by one that does nothing, `resilience` deploys
    all services with their resilience switched off, a service's name only that one. A suite that still passes then is
    worth nothing.
    """

    environment: Environment
    target: Target
    profile: Profile
    pace: Pace
    keep: bool = False
    plan: bool = False
    sabotage: str = "none"

    @property
    def overrides(self) -> Mapping[str, str]:
        """Parameters of the templates that this run deploys with other values than the environment's."""
        return switched_off(self.sabotage)


def switched_off(sabotage: str, services: Sequence[Service] = SERVICES) -> Mapping[str, str]:
    """The parameters that take their resilience from the services that `sabotage` is about."""
    return {one.key("Resilience"): "off" for one in services if sabotage in ("resilience", one.name)}
