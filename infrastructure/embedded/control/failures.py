"""Several steps of which one that fails keeps no other from being taken: what to raise in the end."""

from collections.abc import Sequence


def raise_all(what: str, failures: Sequence[Exception]) -> None:
    """Raise the only one of `failures` as it is, or several as a group under the name `what`; nothing when empty."""
    if failures:
        raise ExceptionGroup(what, failures) if len(failures) > 1 else failures[0]
