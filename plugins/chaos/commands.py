"""`cafe restore`: undoes what a crashed run left behind."""

import sys

import click

from infrastructure import cloud, environment
from infrastructure.errors import CafeError, ExitCode
from infrastructure.state import StateFolder
from plugins.chaos.undo import restore as undoing
from plugins.chaos.undo.journal import Entry
from plugins.chaos.undo.reach import reach
from plugins.chaos.undo.restore import Outcome, Restored


@click.command()
@click.option("--env", "name", default="dev", show_default=True, help="Environment whose journal to go through.")
@click.option("--target", type=click.Choice(["embedded", "aws"]), help="Only experiments on this target.")
@click.option("--accept", metavar="EXPERIMENT", help="Close an experiment that you have put right by hand.")
def restore(name: str, target: str | None, accept: str | None) -> None:
    """Undo every experiment that is still open. Safe to repeat.

    One JSON line per experiment on standard output. Ends with 0 when nothing is left, 6 when something could not be
    undone or is still running.
    """
    try:
        state = cloud.state_folder(environment.load(name))
        restored = (undoing.accept(state, accept),) if accept else _restore(state, target)
    except CafeError as problem:
        click.echo(f"cafe restore: {problem}", err=True)
        sys.exit(problem.exit_code)
    for each in restored:
        click.echo(each.to_json())
        click.echo(f"{each.experiment}: {each.outcome} ({each.detail})", err=True)
        if each.outcome is Outcome.STUCK:
            click.echo(f"  {undoing.way_out(each)}", err=True)
    if not restored:
        click.echo(f"nothing to undo in environment {name!r}", err=True)
    is_left = any(each.outcome in (Outcome.STUCK, Outcome.RUNNING) for each in restored)
    sys.exit(ExitCode.ENVIRONMENT if is_left else ExitCode.PASSED)


def _restore(state: StateFolder, target: str | None) -> tuple[Restored, ...]:
    def is_chosen(entry: Entry) -> bool:
        return target is None or entry.origin.target == target

    return undoing.restore(state, reach, chosen=is_chosen)
