"""The `cafe` command: its own subcommands, those other packages add, and how errors end.

Every error is one message on stderr and an exit code of `infrastructure.errors.ExitCode`; never a traceback, unless it
is a defect of ours.
"""

import importlib
import os
import signal
import sys
import traceback
from importlib import metadata
from types import FrameType
from typing import NoReturn

import click

from infrastructure.cli.output import report
from infrastructure.connection import fault_of
from infrastructure.errors import CafeError, EnvironmentFault, ExitCode
from infrastructure.suggest import did_you_mean

COMMANDS: dict[str, str] = {
    "up": "infrastructure.cli.lifecycle",
    "down": "infrastructure.cli.lifecycle",
    "status": "infrastructure.cli.look",
    "env": "infrastructure.cli.look",
    "logs": "infrastructure.cli.logs",
    "validate": "infrastructure.cli.look",
    "doctor": "infrastructure.cli.doctor",
}
"""Our own commands and where they are. A command is imported when it is called for: most need little and start fast."""

ENTRY_POINTS = "cafe.commands"
"""Commands of layers above this one, which it must not import."""


class _NobodyReads(Exception):
    """Nobody reads what a command prints."""


class Commands(click.Group):
    """Finds a command by its name, and imports no other."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The environments there are, from their files."""
        from infrastructure import environment

        del ctx
        with formatter.section("Environments"):
            formatter.write_dl([(name, environment.load(name).target) for name in environment.names()])

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return [*COMMANDS, *(point.name for point in metadata.entry_points(group=ENTRY_POINTS))]

    def invoke(self, ctx: click.Context) -> object:
        """Run the command. click would end the process with 1, a failure, when the reader of its output has gone."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as gone:
            raise _NobodyReads from gone

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; a name that is none comes with the one that may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as unknown:
            meant = did_you_mean(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{unknown.message}{meant}", ctx) from unknown

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name in COMMANDS:
            found = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        else:
            points = metadata.entry_points(group=ENTRY_POINTS, name=cmd_name)
            found = next((point.load() for point in points), None)
        return found if isinstance(found, click.Command) else None


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="cloudcafe", prog_name="cafe")
def cafe() -> None:
    """Bring the CloudCafe platform up, look at it, point tools at it, and take it down."""


def main() -> NoReturn:
    """Run `cafe` and exit with the code that says what happened."""
    _open_standard_descriptors()
    signal.signal(signal.SIGTERM, _as_interrupt)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # ignored under nohup
        signal.signal(signal.SIGHUP, _as_interrupt)
    try:
        code = run(sys.argv[1:])
    except Exception:  # noqa: BLE001 - whatever it was, it is our defect; the interpreter's own 1 would say "failed"
        traceback.print_exc()
        code = ExitCode.INTERNAL
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run `cafe` with these arguments; the exit code. An error is one message on stderr."""
    try:
        outcome = cafe.main(args=arguments, prog_name="cafe", standalone_mode=False)
    except click.ClickException as refusal:
        refusal.show()
        return ExitCode.USAGE
    except CafeError as problem:
        report(f"cafe: {problem}")
        return problem.exit_code
    except (click.Abort, KeyboardInterrupt):
        report("cafe: interrupted")
        return ExitCode.INTERRUPTED
    except _NobodyReads:
        # The reader of our output has gone (`cafe logs | head`); nothing is left to say, and nothing to flush at exit.
        sys.stdout = None
        return ExitCode.PASSED
    except Exception as problem:
        fault = _fault_of(problem)
        if fault is None:
            raise  # a defect of ours: the traceback is what finds it
        report(f"cafe: {fault}")
        return fault.exit_code
    return outcome if isinstance(outcome, int) else ExitCode.PASSED


def _fault_of(problem: Exception) -> EnvironmentFault | None:
    """The machine's or the network's fault, said as such; None when it is none of theirs."""
    if isinstance(problem, OSError):
        return EnvironmentFault.of_system(problem)
    return fault_of(problem)


def _open_standard_descriptors() -> None:
    """A shell may start us with one closed (`2>&-`): no file or pipe of ours may get its number."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        continue
    os.close(descriptor)


def _as_interrupt(_number: int, _frame: FrameType | None) -> None:
    """A terminated `cafe`, or one whose terminal has gone, takes back what it began, as an interrupted one does."""
    raise KeyboardInterrupt
