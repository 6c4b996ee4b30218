"""`make kills`: prints the seed, one line per kill, and what was found.

Exits 1 when anything was left behind, 7 when nobody was struck, or too seldom inside INJECT or ROLLBACK to judge.
"""

import json
import math
import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infrastructure import cloud
from infrastructure.embedded.pace import FAST
from infrastructure.environment import load
from infrastructure.errors import CafeError, ExitCode
from plugins.bench.kills.schedule import AT_LEAST, EVENTS, VICTIMS, Kill, Schedule, Victim, draw
from plugins.bench.kills.trial import Outcome, Trial, home_folder

if TYPE_CHECKING:
    from infrastructure.cloud import Platform

_SCENARIOS = (
    "01-alb-routing-failure",
    "03-rds-failover",
    "04-dynamodb-throttle",
    "05-elasticache-flush",
    "06-ecs-task-kill",
    "07-eks-node-drain",
    "08-lambda-concurrency-exhaustion",
)


@click.command()
@click.option("--count", default=50, show_default=True, type=click.IntRange(min=1), help="How many kills.")
@click.option("--seed", type=int, help="Repeat the schedule of an earlier campaign.")
@click.option("--victim", "victims", multiple=True, type=click.Choice(VICTIMS), help="Kill only these.")
@click.option("--scenario", "scenarios", multiple=True, type=click.Choice(_SCENARIOS), help="In runs of only these.")
def main(count: int, seed: int | None, victims: tuple[Victim, ...], scenarios: tuple[str, ...]) -> None:
    """Kill parts of running experiments at random moments; 0 orphans, 0 residue, every undo within 10 s."""
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    planned = draw(count, scenarios or _SCENARIOS, seed, victims or VICTIMS)
    with home_folder() as home:
        os.environ["CLOUDCAFE_HOME"] = home
        try:
            outcomes = _campaign(Schedule(planned), Path(home))
        except CafeError as error:
            click.echo(f"kills: {error}", err=True)
            sys.exit(error.exit_code)
        finally:
            cloud.down(load("dev"), "embedded")
    click.echo(summary(outcomes, seed))
    sys.exit(exit_code(outcomes, planned))


def exit_code(outcomes: list[Outcome], planned: Sequence[Kill]) -> ExitCode:
    """A campaign that struck nobody left nothing behind either, and shows nothing; nor does one without a moment."""
    if not all(outcome.is_clean for outcome in outcomes):
        return ExitCode.FAILED
    struck, wanted = (Counter(one.struck_at for one in outcomes), Counter(kill.moment for kill in planned))
    is_short = any(struck[event] < min(AT_LEAST, wanted[moment]) for moment, event in EVENTS.items())
    return ExitCode.INCONCLUSIVE if is_short or set(struck) <= {None} else ExitCode.PASSED


def _campaign(schedule: Schedule, home: Path) -> list[Outcome]:
    outcomes = []
    for kill in schedule:
        outcomes.append(_run(kill, home))
        schedule.struck(kill, outcomes[-1].struck_at)
    return outcomes


def _run(kill: Kill, home: Path) -> Outcome:
    environment = load("dev")
    platform: Platform | None = None
    if kill.is_kept:
        platform = cloud.up(environment, "embedded", FAST, detached=True)
    else:
        cloud.down(environment, "embedded")
    outcome = Trial(kill, home, cloud.state_folder(environment), platform).run()
    click.echo(_line(outcome), err=True)
    return outcome


def _line(outcome: Outcome) -> str:
    kill = outcome.kill
    where = "kept" if kill.is_kept else "owned"
    moment = f"{kill.after_s:.1f} s" if kill.moment == "any" else f"in {kill.moment.upper()}"
    struck = "was not there" if outcome.struck_at is None else f"struck {outcome.struck_at or 'with nothing open'}"
    undo = "" if outcome.undo_s is None else f", undone in {outcome.undo_s:.2f} s"
    undo = ", never undone" if outcome.undo_s == math.inf else undo
    what = f"{kill.number:3} {kill.victim:10} {moment:12} {kill.scenario:24} {where:6}"
    text = f"{what} {struck}{undo}, exit {outcome.exit_code}"
    return "\n".join(
        (text, *(f"    ORPHAN  {one}" for one in outcome.orphans), *(f"    RESIDUE {one}" for one in outcome.residue))
    )


def summary(outcomes: list[Outcome], seed: int) -> str:
    """The campaign as one line of JSON, which knows no infinity: what was never undone is counted by itself."""
    moments = Counter(outcome.struck_at for outcome in outcomes)
    timed = [outcome.undo_s for outcome in outcomes if outcome.undo_s is not None]
    undo = [seconds for seconds in timed if math.isfinite(seconds)]
    return json.dumps(
        {
            "name": "kills",
            "seed": seed,
            "n": len(outcomes),
            "struck": sum(outcome.struck_at is not None for outcome in outcomes),
            "in_inject": moments[EVENTS["inject"]],
            "in_rollback": moments[EVENTS["rollback"]],
            "orphans": sum(len(outcome.orphans) for outcome in outcomes),
            "residue": sum(len(outcome.residue) for outcome in outcomes),
            "never_undone": len(timed) - len(undo),
            "undo_s_max": round(max(undo), 2) if undo else None,
        }
    )


if __name__ == "__main__":
    main()
