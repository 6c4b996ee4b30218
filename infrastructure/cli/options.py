"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, get_args

import click

from infrastructure import environment
from infrastructure.embedded.pace import FAST, PACES
from infrastructure.environment import Environment, Target

_Command = Callable[..., Any]


def where(command: _Command) -> _Command:
    """`--env` and `--target`; the help text lists the environments there are."""
    known = ", ".join(environment.names())
    env = click.option("--env", "env", metavar="NAME", default="dev", show_default=True, help=f"environment: {known}")
    target = click.option(
        "--target", type=click.Choice(get_args(Target)), help="where it runs  [default: as the environment's file says]"
    )
    return env(target(command))


pace_option = click.option(
    "--pace",
    "pace_name",
    type=click.Choice([known.name for known in PACES]),
    default=FAST.name,
    show_default=True,
    help="time constants of the embedded cloud: short ones, or AWS's own",
)


def resolve(env: str, target: Target | None) -> tuple[Environment, Target]:
    """The environment and the target it runs on."""
    chosen = environment.load(env)
    return chosen, target or chosen.target
