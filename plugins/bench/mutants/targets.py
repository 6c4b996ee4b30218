"""Which files get mutants, and which tests are nearest to each: those that import it first, then their neighbours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[__name__.count(".")]
"""Of the source tree."""

_EMBEDDED = "infrastructure/embedded"
_TOPS = ("services", "infrastructure", "plugins")

TARGETS: Mapping[str, tuple[str, ...]] = {
    "plugins/chaos": ("*.py", "faults/*.py", "judgement/*.py", "targets/*.py", "undo/*.py"),
    "plugins/slo": ("*.py",),
    "plugins/books": ("*.py",),
    "plugins/load": ("*.py", "arrivals/*.py"),
    "plugins/stress": ("*/judge.py",),
    "services/order": ("domain.py", "stock.py", "menu.py", "prices.py", "store.py", "desk.py"),
    "services/order/outbox": ("table.py", "backlog.py", "relay.py", "settling.py", "ownership.py"),
    "services/payment": ("domain.py", "capture.py", "ledger.py", "store.py", "card.py", "messages.py", "publish.py"),
    f"{_EMBEDDED}/control": ("*.py",),
    f"{_EMBEDDED}/apis/dynamodb": ("capacity.py", "throttling.py"),
    f"{_EMBEDDED}/apis/cloudwatch": ("alarm.py", "controller.py"),
    f"{_EMBEDDED}/apis/kinesis": (
        "archive.py",
        "listing.py",
        "log.py",
        "reading.py",
        "resharding.py",
        "stream.py",
        "throughput.py",
        "writing.py",
    ),
    f"{_EMBEDDED}/host": ("supervisor.py",),
}
"""Package, and the patterns of its files that judge, decide, or hold money.

Nothing that ends processes by a pattern: a mutant of it could end anybody's.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A file, and the files of its tests, nearest first. Paths from the root of the tree."""

    path: str
    tests: tuple[str, ...]


def targets(root: Path = ROOT) -> Iterator[Target]:
    """Every target in the tree at `root`."""
    found = sorted(test for top in _TOPS for test in (root / top).rglob("tests/test_*.py"))
    tests = [(str(test.relative_to(root)), test.read_text(encoding="utf-8")) for test in found]
    for package, patterns in TARGETS.items():
        folder = root / package
        for file in sorted(found for pattern in patterns for found in folder.glob(pattern)):
            if file.name not in ("__init__.py", "__main__.py"):
                path = file.relative_to(root)
                yield Target(path=str(path), tests=_nearest(path, f"{package}/tests/", tests))


def _nearest(path: Path, own: str, tests: list[tuple[str, str]]) -> tuple[str, ...]:
    """Those of its package, in `own`; where none of them is about it, those elsewhere that import it, too."""
    module = ".".join(path.with_suffix("").parts)
    parent, _, name = module.rpartition(".")
    imported = (f"from {module} import", f"from {parent} import {name}", f"import {module}")

    def is_importing(test: tuple[str, str]) -> bool:
        return any(words in test[1] for words in imported)

    def is_far(test: tuple[str, str]) -> bool:
        return path.stem not in test[0] and not is_importing(test)

    known = [test for test in tests if test[0].startswith(own)]
    if all(map(is_far, known)):  # what control decides is tested with the APIs that ask it
        known += [test for test in tests if test not in known and is_importing(test)]
    return tuple(test for test, _ in sorted(known, key=lambda test: (is_far(test), test[0])))
