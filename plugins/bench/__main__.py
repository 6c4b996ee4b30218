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
from infrastructure.errors import CafeError
from plugins.bench import FIGURES
from plugins.bench.figure import Figure, Line

_NAMES = [figure.name for figure in FIGURES]


@click.command()
@click.option("--only", multiple=True, type=click.Choice(_NAMES), help="Measure these figures only.")
@click.option("--repeats", default=10, show_default=True, type=click.IntRange(min=1), help="Samples of each figure.")
def main(only: Sequence[str], repeats: int) -> None:
    """Measure the platform and print one JSON line per figure: name, unit, median, p99, n."""
    chosen = [figure for figure in FIGURES if not only or figure.name in only]
    with tempfile.TemporaryDirectory(prefix="cafe-bench-") as folder:
        os.environ["CLOUDCAFE_HOME"] = folder
        try:
            _measure_all(chosen, repeats)
        except CafeError as error:
            click.echo(f"bench: {error}", err=True)
            sys.exit(error.exit_code)


def _measure_all(figures: Sequence[Figure], repeats: int) -> None:
    for figure in figures:
        if not figure.needs_platform:
            _measure(figure, None, repeats)
    on_platform = [figure for figure in figures if figure.needs_platform]
    if not on_platform:
        return
    environment = load("dev")
    platform = cloud.up(environment, "embedded", FAST, detached=False)
    try:
        for figure in on_platform:
            _measure(figure, platform, repeats)
    finally:
        cloud.down(environment, "embedded")


def _measure(figure: Figure, platform: Platform | None, repeats: int) -> None:
    values: list[float] = []
    for value in figure.samples(platform, repeats):
        values.append(value)
        click.echo(f"{figure.name} {len(values)}: {value:.4g} {figure.unit}", err=True)
    click.echo(Line.of(figure.name, figure.unit, values))


if __name__ == "__main__":
    main()
