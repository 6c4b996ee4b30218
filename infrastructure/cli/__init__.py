"""`cafe`: the command-line face of `infrastructure.cloud`. Data on stdout, progress on stderr."""

import sys
from typing import NoReturn

from infrastructure.errors import ExitCode

__all__ = ["main"]


def main() -> NoReturn:
    """Run `cafe`. It is imported here, since a Ctrl-C during imports is no traceback either."""
    try:
        from infrastructure.cli import app

        app.main()
    except KeyboardInterrupt:
        sys.stderr.write("cafe: interrupted\n")
        sys.exit(ExitCode.INTERRUPTED)
