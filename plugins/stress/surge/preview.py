"""What a surge would do, for `--plan`."""

from typing import TYPE_CHECKING

from plugins.stress.claim import Profile
from plugins.stress.neighbours import preview as others_preview

if TYPE_CHECKING:
    from plugins.stress.surge.claim import SurgeClaim


def preview(claim: "SurgeClaim", profile: Profile) -> str:
    """Target, calls, undo, judgement and size, as text for a person."""
    story, slos = claim.service.stress, (claim.from_nothing, claim.avalanche, claim.warm)
    at_once, rounds = claim.at_once, claim.rounds(profile)
    judged = [f"{slo.name}: {', '.join(map(str, slo.objectives))}" for slo in slos]
    return "\n".join(
        (
            f"{story.story}",
            f"  target   the function of the service {claim.service.name}",
            "  calls    lambda:UpdateFunctionConfiguration: one more environment variable retires its sandboxes",
            f"           lambda:Invoke, {at_once} at once, with the operators' token, scenario {story.name}",
            "  undo     lambda:UpdateFunctionConfiguration with the environment as it was; a checkout leaves nothing",
            *(f"  judged   {line}" for line in judged),
            *others_preview(claim.service),
            f"  size     {rounds} times {at_once} checkouts from nothing and {at_once} more, in the profile {profile}",
        )
    )
