"""`cafe`: the command-line face of `infrastructure.cloud`. Data on stdout, talk on stderr."""

from infrastructure.cli.app import main

__all__ = ["main"]
