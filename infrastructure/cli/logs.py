"""`cafe logs`: the last lines of every process's log, and what follows."""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import click

from infrastructure import cloud
from infrastructure.cli.follow import FolderWatch, GrowingFile
from infrastructure.cli.options import resolve, where
from infrastructure.embedded.host.logfile import tail
from infrastructure.environment import Environment, Target
from infrastructure.errors import EnvironmentFault, UsageError
from infrastructure.suggest import did_you_mean

_NUMBER = re.compile(r"(-[a-z0-9]+-[a-z0-9]{5}\.[0-9a-f]{8}\.[\w.-]+|-(?=[0-9a-f]*[0-9])[0-9a-f]+)$")
"""What tells processes of one kind apart: `order-3`, `lambda-payment-9f01c2`, `menu-6r9-xs69j.5842580e.menu.0`."""


@click.command()
@where
@click.option("-f", "--follow", is_flag=True, help="go on with what is written, until Ctrl-C")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=20, show_default=True, help="of each log")
@click.argument("name", required=False)
def logs(env: str, target: Target | None, name: str | None, *, follow: bool, lines: int) -> None:
    """Show the end of the processes' logs.

    NAME is a process, or what the names of several begin with (`order`).
    """
    environment, place = resolve(env, target)
    if place == "aws":
        raise UsageError(f"the logs are in CloudWatch: aws logs tail /cafe/order-{environment.suffix} --follow")
    folder = cloud.state_folder(environment).logs
    if not folder.is_dir():
        raise EnvironmentFault(f"no platform is up for {env!r}, so there are no logs; bring it up: cafe up --env {env}")
    wanted = name or ""
    found = sorted(log for log in folder.glob("*.log") if log.stem.startswith(wanted))
    if not found:
        known = _known(environment, folder)
        meant = did_you_mean(wanted, known)
        raise UsageError(f"no process's name begins with {wanted!r}.{meant} There are: {', '.join(known)}")
    if follow:
        _follow(folder, {log.name: _show_end(log, lines) for log in found}, wanted)
        return
    for log in found:
        _print(log.stem, tail(log, lines) if lines else ())


def _known(environment: Environment, folder: Path) -> list[str]:
    """What names begin with: of the processes that `cafe status` shows; of all that ever ran, where it shows none."""
    names: set[str] = set()
    with suppress(EnvironmentFault):
        names = {process.id for process in cloud.attach(environment, "embedded").status().processes}
    names = names or {log.stem for log in folder.glob("*.log")}
    return sorted({_NUMBER.sub("", name) for name in names})


def _show_end(log: Path, lines: int) -> GrowingFile:
    """Print the last lines of `log`; what to read on from. A line that is being written comes when it is whole."""
    growing, last = GrowingFile.at_end(log, lines)
    _print(log.stem, last)
    return growing


def _follow(folder: Path, growing: dict[str, GrowingFile], wanted: str) -> None:
    with FolderWatch(folder) as watch:
        for file in growing.values():  # what was written between the first look and the watch
            _print(file.path.stem, file.new_lines())
        for name in watch.changed():
            path = folder / name
            if path.suffix == ".log" and path.stem.startswith(wanted):
                _print(path.stem, growing.setdefault(name, GrowingFile(path, 0)).new_lines())
    click.echo("the platform was taken down", err=True)


def _print(name: str, lines: Iterable[str]) -> None:
    for line in lines:
        click.echo(f"{name} | {line}")
