"""`cafe up` and `cafe down`."""

import json
import sys
import time

import click

from infrastructure import cloud
from infrastructure.cli.options import pace_option, resolve, where
from infrastructure.cli.output import progress, without_password
from infrastructure.cloud import Platform
from infrastructure.embedded.pace import pace
from infrastructure.environment import Target


@click.command()
@where
@pace_option
@click.option(
    "--attached",
    is_flag=True,
    help="stay in the foreground: print one JSON line when ready, take the platform down at the end of stdin",
)
def up(env: str, target: Target | None, pace_name: str, *, attached: bool) -> None:
    """Bring the platform up, every service healthy.

    One that is up is brought to what the templates and the environment say.
    """
    environment, place = resolve(env, target)
    started = time.monotonic()
    platform = cloud.up(environment, place, pace(pace_name), detached=not attached, talk=progress)
    if attached:
        _serve_until_end_of_input(platform)
        return
    verb = "is up" if platform.is_new else "was up already"
    progress(f"{environment.name} {verb}, every service healthy ({time.monotonic() - started:.1f} s)")
    _show(platform)


@click.command()
@where
def down(env: str, target: Target | None) -> None:
    """Take the platform down and leave nothing."""
    environment, place = resolve(env, target)
    cloud.down(environment, place, talk=progress)
    progress(f"{environment.name} is down")


def _serve_until_end_of_input(platform: Platform) -> None:
    """For a program that uses the platform for as long as it lives: its end closes our stdin, whatever ended it."""
    try:
        click.echo(json.dumps(dict(platform.shell())))
        sys.stdout.flush()
        while sys.stdin.buffer.read(65536):
            continue
    finally:
        if platform.is_new:
            cloud.down(platform.environment, platform.target)


def _show(platform: Platform) -> None:
    rows = {"control plane": platform.shell().get("AWS_ENDPOINT_URL"), **platform.endpoints()}
    for name, url in rows.items():
        if url is not None:
            progress(f"  {name:14} {without_password(url)}")
    progress(f'  point tools at it with: eval "$(cafe env --env {platform.environment.name})"')
