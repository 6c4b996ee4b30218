"""Figures that a test reads."""

from collections import Counter

from services.chassis.figures.counters import Figures


class Counts(Figures):
    """What was counted, by name."""

    def __init__(self) -> None:
        super().__init__({})
        self._seen = Counter[str]()

    def count(self, name: str, by: int = 1) -> None:
        self._seen[name] += by

    def __getitem__(self, name: str) -> int:
        return self._seen[name]
