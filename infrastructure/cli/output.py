"""What a person is to read goes to stderr, and whether somebody reads it changes nothing."""

import re
import sys

import click

_PASSWORD = re.compile(r"(?<=//)([^:@/]*):[^@/]*@")


def without_password(url: str) -> str:
    """`url` as it may be shown: `cafe env` tells the password."""
    return _PASSWORD.sub(r"\1:***@", url)


def report(text: str) -> None:
    """One message on stderr. It may be closed (`2>&-`), or its reader gone: what is under way does not end with it."""
    if sys.stderr is None:
        return
    try:
        click.echo(text, err=True)
    except OSError:
        sys.stderr = None  # or the interpreter tries again as it exits, and says 120


def progress(line: str) -> None:
    """One line of progress on stderr; dimmed where that is a terminal."""
    report(click.style(line, dim=sys.stderr is not None and sys.stderr.isatty()))
