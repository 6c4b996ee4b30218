"""What the command line asked for, resolved once."""

from dataclasses import dataclass
from typing import Literal

from infrastructure.embedded.pace import Pace
from infrastructure.environment import Environment, Target

Profile = Literal["quick", "full"]
Sabotage = Literal["none", "fault", "resilience"]

PROFILES: tuple[Profile, ...] = ("quick", "full")
SABOTAGES: tuple[Sabotage, ...] = ("none", "fault", "resilience")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one run.

    `sabotage` is for the tests of the tests: `fault` replaces each fault by one that does nothing, `resilience` deploys
    the services with their resilience switched off. A suite that still passes then is worth nothing.
    """

    environment: Environment
    target: Target
    profile: Profile
    pace: Pace
    keep: bool = False
    plan: bool = False
    sabotage: Sabotage = "none"
