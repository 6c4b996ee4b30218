"""What a run would do, collected from the tests of a `--plan` run and printed at its end."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Plans:
    """Texts by test, in the order they were added."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    shown: list[tuple[str, str]] = field(default_factory=list)
    """What the run prints at its end, by test; under xdist it comes from the workers."""

    def add(self, nodeid: str, text: str) -> None:
        """Note what test `nodeid` would have done; it then counts as planned, never as passed."""
        self.texts.setdefault(nodeid, []).append(text)

    def show(self, nodeid: str, text: str) -> None:
        """Print `text` at the end of the run."""
        self.shown.append((nodeid, text))

    def of(self, nodeid: str) -> tuple[str, ...]:
        return tuple(self.texts.get(nodeid, ()))
