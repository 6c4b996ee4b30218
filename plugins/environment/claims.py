"""The claim of `suites/infrastructure`: what a module's template describes is really there."""

import time

from infrastructure import validation
from infrastructure.cloud import Platform
from infrastructure.validation import Check
from plugins.reporting.impact import Felt, Impact
from plugins.reporting.record import RunRecord, Step
from plugins.slo import Verdict


def planned(module: str) -> str:
    """What `check` would look at; it changes nothing."""
    return "\n".join(f"would check that {check.name} ({module}); reads only" for check in validation.of(module))


def check(platform: Platform, module: str) -> RunRecord:
    """Run every check of `module`; the record's reasons are what does not hold."""
    started = time.time()
    steps = tuple(_step(platform, each) for each in validation.of(module))
    failed = tuple(f"{step.name}: {step.detail}" for step in steps if step.verdict is Verdict.FAIL)
    return RunRecord(
        kind="infrastructure",
        name=module,
        title=f"The module {module} is deployed, tagged and answers",
        story="Every resource a template describes exists, carries the platform's tags, and its endpoints answer.",
        verdict=Verdict.FAIL if failed else Verdict.PASS,
        impact=Impact(felt=(Felt(failed=len(failed), of=len(steps), what="checks"),)),
        reasons=failed,
        started=started,
        ended=time.time(),
        steps=steps,
    )


def _step(platform: Platform, each: Check) -> Step:
    start = time.time()
    problem = each.found(platform)
    return Step(
        name=each.name,
        start=start,
        end=time.time(),
        verdict=Verdict.PASS if problem is None else Verdict.FAIL,
        detail=problem or "",
    )
