"""What Locust's command line shows of an error that is a person's: its text; the exit code says whose fault it is."""

import sys
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from infrastructure.errors import CafeError


def refuse(problem: CafeError) -> NoReturn:
    """End the process."""
    sys.stderr.write(f"ERROR: {problem}\n")
    sys.exit(int(problem.exit_code))


def in_plain_words() -> None:
    """Where this process is Locust's, what a locustfile claims wrongly is no traceback. It is loaded before anybody
    could catch that.
    """
    program = Path(sys.argv[0] if sys.argv else "")
    if "locust" in (program.stem, program.parent.name):
        sys.excepthook = _show


def _show(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, CafeError):
        refuse(error)
    sys.__excepthook__(kind, error, trace)
