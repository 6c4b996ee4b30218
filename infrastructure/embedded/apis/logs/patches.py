"""FilterLogEvents filters.

Replaces in `moto.logs.models` (moto 5.2): `EventMessageFilter`, which lets everything through but for terms.
"""

from moto.logs import models

from infrastructure.embedded.apis.logs.pattern import compiled


class _Filter:
    """moto makes one for each event; the pattern is compiled once."""

    def __init__(self, pattern: str | None) -> None:
        self.matches = compiled(pattern or "")


def install() -> None:
    """Replace it."""
    models.EventMessageFilter = _Filter
