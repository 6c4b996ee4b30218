"""`cafe report`: renders Allure 3's HTML when Node and Allure are there, and says so when they are not."""

import shutil
import subprocess
from pathlib import Path

import click

from infrastructure.errors import EnvironmentFault, UsageError
from plugins.reporting.folders import LATEST

_RENDER_S = 300
_LATEST = Path("reports", LATEST)


@click.command()
@click.option("--results", type=click.Path(path_type=Path), default=_LATEST / "allure-results", show_default=True)
@click.option("--output", type=click.Path(path_type=Path), default=_LATEST / "allure-report", show_default=True)
def report(results: Path, output: Path) -> None:
    """Render the last run's results as one HTML file and print its path."""
    if not any(results.glob("*-result.json")):
        raise UsageError(
            f"no Allure results in {results}; run `pytest suites` first, or name their folder with --results"
        )
    rendered = render(results, output)
    click.echo(rendered)


def render(results: Path, output: Path) -> Path:
    """Run Allure 3 over `results`; `EnvironmentFault` says what is missing and that the results are kept."""
    command = _allure()
    if command is None:
        raise EnvironmentFault(
            f"Allure 3 is not installed, so {results} was not rendered. The results stay there and summary.md beside"
            " them holds the verdicts. Next: install Node 20 or later, then `npm install --global allure`"
        )
    try:
        run = subprocess.run(
            [*command, "awesome", str(results), "--single-file", "--output", str(output)],
            capture_output=True,
            text=True,
            timeout=_RENDER_S,
            check=False,
        )
    except subprocess.TimeoutExpired as problem:
        raise EnvironmentFault(f"Allure was not done with {results} after {_RENDER_S} s and was ended") from problem
    page = output / "index.html"
    if run.returncode != 0 or not page.exists():
        tail = tuple((run.stdout + run.stderr).splitlines()[-10:])
        raise EnvironmentFault(f"Allure exited with {run.returncode} while rendering {results}", log=tail)
    return page


def _allure() -> list[str] | None:
    local = Path("node_modules/.bin/allure")
    if local.exists():
        return [str(local.resolve())]
    found = shutil.which("allure")
    return [found] if found else None
