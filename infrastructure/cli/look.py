"""`cafe status`, `cafe env` and `cafe validate`: looks at a platform that is up."""

import dataclasses
import json
import shlex
import time

import click

from infrastructure import cloud, validation
from infrastructure.cli.options import resolve, where
from infrastructure.cli.output import without_password
from infrastructure.environment import Target
from infrastructure.errors import EnvironmentFault
from infrastructure.status import PlatformStatus, ProcessStatus


@click.command()
@where
@click.option("--json", "as_json", is_flag=True, help="everything, for programs")
def status(env: str, target: Target | None, *, as_json: bool) -> None:
    """Show the endpoints and every process."""
    platform = cloud.attach(*resolve(env, target))
    look = platform.status()
    if as_json:
        click.echo(json.dumps({**dataclasses.asdict(look), "env": dict(platform.shell())}, indent=2))
        return
    for line in _lines(look):
        click.echo(line)


@click.command(name="env")
@where
def env(env: str, target: Target | None) -> None:
    """Print what points tools at it: eval "$(cafe env)"."""
    platform = cloud.attach(*resolve(env, target))
    for name, value in platform.shell().items():
        click.echo(f"export {name}={shlex.quote(value)}")


@click.command()
@where
def validate(env: str, target: Target | None) -> None:
    """Check that all of it exists, is tagged and answers."""
    platform = cloud.attach(*resolve(env, target))
    problems = []
    for check in validation.CHECKS:
        found = check.found(platform)
        click.echo(f"{'FAIL' if found else 'ok':5} {check.module:14} {check.name}{f': {found}' if found else ''}")
        problems += [f"{check.module}: {check.name}"] if found else []
    if problems:
        raise EnvironmentFault(f"{len(problems)} of {len(validation.CHECKS)} checks failed: {', '.join(problems)}")


def _lines(look: PlatformStatus) -> list[str]:
    memory = sum(process.rss_bytes for process in look.processes) / 2**20
    urls = {"control plane": look.url, **look.endpoints}
    age = time.time() - look.started_at
    return [
        f"{look.environment} on {look.target}, pace {look.pace}, up for {age:.0f} s",
        f"{len(look.processes)} processes, {memory:.0f} MiB",
        *(f"  {name:14} {without_password(url)}" for name, url in sorted(urls.items()) if url),
        f"  {'process':34} {'kind':10} {'state':9} {'pid':>7} {'port':>6} {'az':12} {'CPU s':>8} {'MiB':>6}",
        *(_row(process) for process in look.processes),
    ]


def _row(process: ProcessStatus) -> str:
    return (
        f"  {process.id[:34]:34} {process.kind:10} {process.state:9} {process.pid or '-':>7} {process.port or '-':>6}"
        f" {process.az or '-':12} {process.cpu_s:8.1f} {process.rss_bytes / 2**20:6.0f}"
    )
