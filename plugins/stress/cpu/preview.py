"""What a stress run would do, for `--plan`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from plugins.stress.claim import Profile
from plugins.stress.cpu.runner import SPARE_S
from plugins.stress.neighbours import preview as others_preview
from services.catalog import Platform

if TYPE_CHECKING:
    from plugins.stress.cpu.claim import CpuClaim

_ONE: Mapping[Platform, str] = {"ecs": "task", "eks": "pod", "ec2": "instance"}


def preview(claim: "CpuClaim", profile: Profile) -> str:
    """Target, calls, undo, judgement and time, as text for a person."""
    story = claim.service.stress
    judged = [f"{slo.name}: {', '.join(map(str, slo.objectives))}" for slo in claim.slos]
    return "\n".join(
        (
            f"{story.story}",
            f"  target   every {_ONE[claim.service.platform]} of the service {claim.service.name}",
            f"  calls    POST {claim.service.stress_path} with the operators' token, target_cpu {story.target_cpu:g}",
            f"  undo     DELETE {claim.service.stress_path}; without it the service ends the run {SPARE_S:g} s later",
            *(f"  judged   {line}" for line in judged),
            f"           back is until CPU is under {claim.calm_cpu:g} % for good",
            f"           rate is that of the metric {claim.service.namespace} {story.counts}",
            *others_preview(claim.service),
            f"  time     {claim.length_s(profile):g} s in the profile {profile}, then a few seconds of calm",
            "           and minutes where CloudWatch has one figure a minute",
        )
    )
