"""What the command line asked for, resolved once."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from infrastructure.embedded.pace import Pace
from infrastructure.environment import Environment, Target

Profile = Literal["quick", "full"]
Sabotage = Literal["none", "fault", "resilience", "order", "payment"]

PROFILES: tuple[Profile, ...] = ("quick", "full")
SABOTAGES: tuple[Sabotage, ...] = get_args(Sabotage)

_SWITCHED_OFF: Mapping[Sabotage, Mapping[str, str]] = {
    "resilience": {"OrderResilience": "off", "PaymentResilience": "off"},
    "order": {"OrderResilience": "off"},
    "payment": {"PaymentResilience": "off"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of one run.

    `sabotage` is for the tests of the tests: `fault` replaces each fault by one that does nothing, `resilience` deploys
    all services with their resilience switched off, `order` and `payment` only that one. A suite that still passes then
    is worth nothing.
    """

    environment: Environment
    target: Target
    profile: Profile
    pace: Pace
    keep: bool = False
    plan: bool = False
    sabotage: Sabotage = "none"

    @property
    def overrides(self) -> Mapping[str, str]:
        """Parameters of the templates that this run deploys with other values than the environment's."""
        return _SWITCHED_OFF.get(self.sabotage, {})
