"""What an experiment would do, in words, without doing it: the answer to `--plan`."""

from plugins.chaos.fault import Fault, Plan
from plugins.chaos.policy import cluster_role, policy
from plugins.chaos.scenario import Scenario, Windows
from plugins.load.preview import BOOKS
from plugins.slo import Slo

UNKNOWN = "known once a platform is up"


def preview(scenario: Scenario, fault: Fault, plan: Plan | None, windows: Windows) -> str:
    """What is believed, what is done to how much, how it is judged and ended; the policy last. `plan` is None when no
    platform is up to plan against.
    """
    mix = ", ".join(f"{share:.0%} {journey}" for journey, share in scenario.mix)
    rows = [
        ("believed", scenario.hypothesis),
        ("fault", f"{fault.title} ({fault.kind})"),
        ("targets", ", ".join(plan.targets) if plan else UNKNOWN),
        ("radius", plan.radius if plan else UNKNOWN),
        ("calls", ", ".join(fault.writes) or "none through IAM: the fault acts on the data plane"),
        ("undo", _undo(fault, plan)),
        ("load", f"{scenario.rate:g} requests/s: {mix}"),
        *(("judged", f"{slo.name}: {'; '.join(map(str, slo.objectives))}") for slo in _slos(scenario)),
        *(("judged", f"CloudWatch shows {expected.anomaly}") for expected in scenario.anomalies),
        ("judged", BOOKS),
        ("stops", f"early, undone, once {' or '.join(map(str, scenario.stops)) or 'somebody asks'}; at any Ctrl-C"),
        ("time", f"{scenario.warm_up_s + windows.total_s:g} s: warm-up {scenario.warm_up_s:g}, {_phases(windows)}"),
    ]
    lines = [f"{scenario.id}: {scenario.title}", *(f"  {name:8} {text}" for name, text in rows), "  policy"]
    lines += _indented(policy(fault, plan))
    if (role := cluster_role(fault, plan)) is not None:
        lines += ["  cluster role", *_indented(role)]
    return "\n".join(lines)


def _indented(document: str) -> list[str]:
    return [f"    {line}" for line in document.splitlines()]


def _slos(scenario: Scenario) -> tuple[Slo, ...]:
    return scenario.baseline, scenario.during, scenario.recovered


def _phases(windows: Windows) -> str:
    return f"baseline {windows.baseline_s:g}, fault {windows.fault_s:g}, recovery {windows.recovery_s:g}"


def _undo(fault: Fault, plan: Plan | None) -> str:
    if fault.kind == "self-healing":
        return "none to make: the platform heals by itself, and the run waits until it has"
    if plan is None:
        return ", ".join(fault.writes)
    return ", ".join(f"{call.action} on {call.resource}" for call in plan.undo)
