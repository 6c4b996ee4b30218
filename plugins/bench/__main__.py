"""`make bench`: measures every figure on a platform of its own and prints one JSON line each.

The platform lives in a temporary folder, so a platform that is up for other work is neither used nor disturbed; it does
share the machine, so leave the machine alone meanwhile.
"""

import os
import sys
import tempfile
from collections.abc import Sequence

import click

from infrastructure import cloud
from infrastructure.cloud import Platform
from infrastructure.embedded.pace import FAST
from infrastructure.environment import load
from infrastructure.errors import CafeError, EnvironmentFault, ExitCode
from plugins.bench import FIGURES
from plugins.bench.figure import Figure, Line, NotMeasurableHere

_NAMES = [figure.name for figure in FIGURES]


@click.command()
@click.option("--only", multiple=True, type=click.Choice(_NAMES), help="Measure these figures only.")
@click.option("--repeats", default=10, show_default=True, type=click.IntRange(min=1), help="Samples of each figure.")
def main(only: Sequence[str], repeats: int) -> None:
    """Measure the platform and print one JSON line per figure: name, unit, median, p95, p99, n.

    A figure that cannot be measured is reported on stderr, and by the exit code in the end.
    """
    chosen = [figure for figure in FIGURES if not only or figure.name in only]
    with tempfile.TemporaryDirectory(prefix="cafe-bench-") as folder:
        os.environ["CLOUDCAFE_HOME"] = folder
        try:
            is_whole = measure_all(chosen, repeats)
        except CafeError as error:
            click.echo(f"bench: {error}", err=True)
            sys.exit(error.exit_code)
    sys.exit(ExitCode.PASSED if is_whole else EnvironmentFault.exit_code)


def measure_all(figures: Sequence[Figure], repeats: int) -> bool:
    """Whether every figure was measured that can be here; one that fails stops no other."""
    measured = [_is_measured(figure, None, repeats) for figure in figures if not figure.needs_platform]
    on_platform = [figure for figure in figures if figure.needs_platform]
    if on_platform:
        environment = load("dev")
        platform = cloud.up(environment, "embedded", FAST, detached=False)
        try:
            measured += [_is_measured(figure, platform, repeats) for figure in on_platform]
        finally:
            cloud.down(environment, "embedded")
    return all(measured)


def _is_measured(figure: Figure, platform: Platform | None, repeats: int) -> bool:
    values: list[float] = []
    try:
        for value in figure.samples(platform, repeats):
            values.append(value)
            click.echo(f"{figure.name} {len(values)}: {value:.4g} {figure.unit}", err=True)
        line = Line.of(figure.name, figure.unit, values)
    except NotMeasurableHere as lacking:
        click.echo(f"bench: {figure.name} is skipped: {lacking}", err=True)
        return True
    except EnvironmentFault as error:
        click.echo(f"bench: {figure.name}: {error}", err=True)
        return False
    click.echo(line)
    return True


if __name__ == "__main__":
    main()
