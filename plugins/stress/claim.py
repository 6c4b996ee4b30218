"""What every kind of stress claim has in common: it can say what it would do, do it, and judge what it saw."""

from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from infrastructure.cloud import Platform
    from plugins.reporting.progress import Progress
    from plugins.reporting.record import RunRecord

Profile = Literal["quick", "full"]


class StressClaim(Protocol):
    """One service under its own story. `CpuClaim` is for what runs for long, `SurgeClaim` for functions.

    `repr` of a claim is its id: Allure shows a test's parameter by it.
    """

    @property
    def id(self) -> str:
        """Service and story: `order-morning-rush`."""
        ...

    def preview(self, profile: Profile) -> str:
        """Target, calls, undo, judgement and time, as text for a person; asks no platform."""
        ...

    def perform(self, platform: "Platform", profile: Profile, progress: "Progress") -> "RunRecord":
        """Run it, alone on the platform, and judge what was seen. What was changed is put back, on every way out."""
        ...
