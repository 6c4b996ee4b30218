"""What an API has handed out, to be given back to it: ids, ARNs, names, tokens, by the names of their members.

Pure: takes outputs, gives inputs. Of what an API calls differently in the two, what is tried is the obvious: a task's
ARN for a `task`, any ARN for a `resourceArn`.
"""

import random
from collections import defaultdict
from typing import Any

from infrastructure.embedded.tests.conformance import values

KEPT = 8
"""Values of a name that are remembered, the latest ones."""
OFTEN = 0.8
"""Of the members that could be given back, those that are; the others are of things that do not exist."""


class Handed:
    """The texts in all outputs so far."""

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = defaultdict(list)

    def note(self, output: Any, name: str = "") -> None:
        """Remember every text in it."""
        if isinstance(output, dict):
            for key, each in output.items():
                self.note(each, str(key))
        elif isinstance(output, list):
            for each in output:
                self.note(each, name.removesuffix("s"))
        elif isinstance(output, str) and output:
            for key in {name.lower(), "arn"} if output.startswith("arn:") else {name.lower()}:
                known = self._texts[key]
                known[:] = [*(text for text in known if text != output), output][-KEPT:]

    def given_back(self, shape: Any, given: Any, rng: random.Random, name: str = "") -> Any:
        """`given`, which is of `shape`, with what was handed out in its place, where there is something."""
        if isinstance(given, dict) and shape.type_name == "structure":
            return {key: self.given_back(shape.members[key], each, rng, key) for key, each in given.items()}
        if isinstance(given, list) and shape.type_name == "list":
            return [self.given_back(shape.member, each, rng, name.removesuffix("s")) for each in given]
        if shape.type_name != "string" or shape.enum or not isinstance(given, str):
            return given
        fitting = [text for text in self._known(name.lower()) if values.is_text(shape, text)]
        return rng.choice(fitting) if rng.random() < OFTEN and fitting else given

    def _known(self, name: str) -> list[str]:
        names = [name, *(f"{name}{ending}" for ending in ("arn", "id", "name"))]
        found = next((self._texts[each] for each in names if each in self._texts), [])
        is_any = not found and name.endswith(("arn", "arns", "id", "resourcename", "resource"))
        return self._texts["arn"] if is_any and "arn" in self._texts else found
