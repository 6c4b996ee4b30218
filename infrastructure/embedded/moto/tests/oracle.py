"""Unpatched moto in a process of its own: the same calls, answered by the code that the patches replace.

python -m infrastructure.embedded.moto.tests.oracle < calls.json > answers.json
"""

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

Step = tuple[str, str, Mapping[str, Any]]
"""API, action, parameters."""


def answers(steps: Iterable[Step]) -> list[tuple[int, Any]]:
    """Status and parsed body of moto's own answer to each step, one after the other."""
    done = subprocess.run(
        [sys.executable, "-m", __name__], input=json.dumps(list(steps)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [(status, body) for status, body in json.loads(done.stdout)]


def _main() -> None:
    from infrastructure.embedded.moto import direct, patches
    from infrastructure.embedded.moto.imports import prepare
    from infrastructure.embedded.tests.control import ACCOUNT, REGION, ROUTER, call

    patches.PATCHES = {}
    prepare(account=ACCOUNT, region=REGION)
    found = []
    for service, action, parameters in json.load(sys.stdin):
        api = ROUTER.named(service)
        assert api is not None
        answer = direct.answer(api, call(service, action, parameters))
        found.append((answer.status, json.loads(answer.body) if answer.body else {}))
    print(json.dumps(found))  # noqa: T201  # this process's result


if __name__ == "__main__":
    _main()
