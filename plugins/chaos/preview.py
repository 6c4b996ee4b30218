"""What an experiment would do, in words, without doing it: the answer to `--plan`."""

from plugins.chaos.fault import Fault, Plan
from plugins.chaos.policy import policy
from plugins.chaos.scenario import Scenario, Windows

UNKNOWN = "known once a platform is up"


def preview(scenario: Scenario, fault: Fault, plan: Plan | None, windows: Windows) -> str:
    """Targets, calls, undo, policy and time. `plan` is None when no platform is up to plan against."""
    mix = ", ".join(f"{share:.0%} {journey}" for journey, share in scenario.mix)
    lines = [
        f"{scenario.id}: {scenario.title}",
        f"  fault    {fault.title} ({fault.kind})",
        f"  targets  {', '.join(plan.targets) if plan else UNKNOWN}",
        f"  calls    {', '.join(fault.writes) or 'none through IAM: the fault acts on the data plane'}",
        f"  undo     {_undo(fault, plan)}",
        f"  load     {scenario.rate:g} requests/s: {mix}",
        f"  time     {scenario.warm_up_s + windows.total_s:g} s: warm-up {scenario.warm_up_s:g}, {_phases(windows)}",
        "  policy",
    ]
    return "\n".join((*lines, *(f"    {line}" for line in policy(fault, plan).splitlines())))


def _phases(windows: Windows) -> str:
    return f"baseline {windows.baseline_s:g}, fault {windows.fault_s:g}, recovery {windows.recovery_s:g}"


def _undo(fault: Fault, plan: Plan | None) -> str:
    if fault.kind == "self-healing":
        return "none to make: the platform heals by itself, and the run waits until it has"
    if plan is None:
        return ", ".join(fault.writes)
    return ", ".join(f"{call.action} on {call.resource}" for call in plan.undo)
