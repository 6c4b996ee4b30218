"""The command line of a run: `--env --target --profile --pace --keep --plan --sabotage`."""

import argparse
from typing import get_args

import pytest

from infrastructure import environment
from infrastructure.embedded.pace import FAST, PACES, pace
from infrastructure.environment import Target
from plugins.environment.settings import PROFILES, SABOTAGES, Settings

DEFAULT_ENVIRONMENT = "dev"


def add(parser: pytest.Parser) -> None:
    """Declare the options. The environments in the help text are the files that are there."""
    group = parser.getgroup("cloudcafe", "CloudCafe: where suites run, how long, and what stays behind")
    known = ", ".join(environment.names())
    group.addoption(
        "--env",
        metavar="NAME",
        default=DEFAULT_ENVIRONMENT,
        help=f"environment to run in: {known} (default: %(default)s)",
    )
    group.addoption(
        "--target", choices=get_args(Target), help="where to run it (default: as the environment's file says)"
    )
    group.addoption(
        "--profile", choices=PROFILES, default="quick", help="length of every run and window (default: %(default)s)"
    )
    group.addoption(
        "--pace",
        choices=[known.name for known in PACES],
        default=FAST.name,
        help="time constants of the embedded cloud: short ones, or AWS's own (default: %(default)s)",
    )
    group.addoption("--keep", action="store_true", help="leave the platform up at the end, for `cafe` and further runs")
    group.addoption("--plan", action="store_true", help="show what would be done, touch nothing")
    # For the tests of the tests: which part of the claim is made untrue.
    group.addoption("--sabotage", choices=SABOTAGES, default="none", help=argparse.SUPPRESS)


def settings(config: pytest.Config) -> Settings:
    """What the command line asks for; `UsageError` for an environment that is not there or cannot be read."""
    option = config.option
    chosen = environment.load(option.env)
    return Settings(
        environment=chosen,
        target=option.target or chosen.target,
        profile=option.profile,
        pace=pace(option.pace),
        keep=option.keep,
        plan=option.plan,
        sabotage=option.sabotage,
    )
