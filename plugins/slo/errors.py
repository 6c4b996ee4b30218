"""What can be wrong with a claim itself, before anything runs."""

from infrastructure.errors import UsageError


class ClaimError(UsageError, ValueError):
    """A claim that cannot be read, or could never be judged as it is written: the text says what can."""
