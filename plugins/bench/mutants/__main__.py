"""`make mutants`: prints the seed, one line per mutant, the survivors as diffs, and the score as one line of JSON.

A survivor is either a test that is missing or a change that changes nothing: a person sorts them.
"""

import json
import random
import signal
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain, islice, zip_longest
from pathlib import Path

import click

from infrastructure.errors import CafeError, ExitCode
from plugins.bench.mutants.mutations import KINDS, Mutant, mutants_of
from plugins.bench.mutants.targets import ROOT, Target, targets
from plugins.bench.mutants.trial import Copy, Trial

Drawn = tuple[Mutant, Target]


@click.command()
@click.option("--count", default=100, show_default=True, type=click.IntRange(min=1), help="How many mutants.")
@click.option("--seed", type=int, help="Draw the mutants of an earlier run.")
@click.option(
    "--skip", default=0, type=click.IntRange(min=0), help="Leave out so many of the first: a run in portions."
)
@click.option("--only", default="", help="Mutate the files whose path begins so.")
def main(count: int, seed: int | None, skip: int, only: str) -> None:
    """Put small defects, one at a time, into a copy of the tree and see whether the nearest tests fail."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(ExitCode.INTERRUPTED))  # so that no test outlives us
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    chosen = [target for target in targets() if target.path.startswith(only)]
    drawn = islice(enumerate(draw(ROOT, chosen, seed)), skip, skip + count)
    trials = []
    with tempfile.TemporaryDirectory(prefix="cafe-mutants-") as folder:
        try:
            copy = Copy(ROOT, Path(folder))
            for number, (mutant, target) in drawn:
                trials.append(copy.try_out(number, mutant, target.tests))
                click.echo(_line(trials[-1]), err=True)
        except CafeError as error:
            click.echo(f"mutants: {error}", err=True)
            sys.exit(error.exit_code)
    click.echo("\n\n".join([*(f"{_line(t)}\n{t.mutant.diff}" for t in survivors(trials)), summary(trials, seed)]))


def draw(root: Path, chosen: Sequence[Target], seed: int) -> list[Drawn]:
    """Every mutant of the targets, shuffled, as many of each kind among the first as there are."""
    found: dict[str, list[Drawn]] = {kind: [] for kind in KINDS}
    for target in chosen:
        for mutant in mutants_of(target.path, (root / target.path).read_text(encoding="utf-8")):
            found[mutant.kind].append((mutant, target))
    chance = random.Random(seed)  # noqa: S311 - a repeatable draw, not a secret
    for of_kind in found.values():
        chance.shuffle(of_kind)
    return [drawn for drawn in chain.from_iterable(zip_longest(*found.values())) if drawn is not None]


def survivors(trials: Sequence[Trial]) -> list[Trial]:
    """Those that no test saw."""
    return [trial for trial in trials if trial.verdict == "survived"]


def summary(trials: Sequence[Trial], seed: int) -> str:
    """The run as one line of JSON; a mutant on which the tests hang was noticed as well."""
    lived, hung = len(survivors(trials)), sum(trial.verdict == "timed out" for trial in trials)
    score = round(100 * (1 - lived / len(trials)), 1) if trials else None
    counts = {"n": len(trials), "killed": len(trials) - lived, "timed_out": hung, "survived": lived, "score": score}
    return json.dumps({"name": "mutants", "seed": seed, **counts})


def _line(trial: Trial) -> str:
    mutant = trial.mutant
    return f"{trial.number:4} {trial.verdict:9} {mutant.kind:10} {mutant.path}:{mutant.line} {trial.seconds:.1f} s"


if __name__ == "__main__":
    main()
