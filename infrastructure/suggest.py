"""What somebody who mistyped a name may have meant."""

import re
from collections.abc import Iterable
from difflib import SequenceMatcher

_LIKENESS = 0.6
"""As difflib's own cut-off; two letters the wrong way round in a name of three are 0.67."""


def did_you_mean(given: str, known: Iterable[str]) -> str:
    """` Did you mean 06-ecs-task-kill?`: the known names that are, or have a part, most like `given`; else empty."""
    likeness = {name: _likeness(given, name) for name in known}
    best = max(likeness.values(), default=0.0)
    if best < _LIKENESS:
        return ""
    return f" Did you mean {' or '.join(name for name, value in likeness.items() if value == best)}?"


def _likeness(given: str, name: str) -> float:
    """From 0 to 1: of the whole name, or of the word in it that is nearest to a word of `given`."""
    words = [word for word in re.split(r"[^a-z0-9]+", given.lower()) if len(word) > 1]
    parts = (name.lower(), *re.split(r"[^a-z]+", name.lower()))
    return max((SequenceMatcher(None, word, part).ratio() for word in words for part in parts), default=0.0)
