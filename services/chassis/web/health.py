"""How a task is: what its last dealings with each dependency were, remembered, never probed.

Liveness answers at once and stays 200 while dependencies suffer: a load balancer that took every task out because a
shared database is slow turns degradation into outage (Amazon Builders' Library, "Implementing health checks").
"""

import time
from typing import Literal, NamedTuple


class Dealing(NamedTuple):
    """The last outcome with one dependency; `at` in Unix seconds."""

    state: Literal["ok", "failing", "unused"]
    at: float
    detail: str = ""


class Dependencies:
    """What the clients report about each dependency, newest wins."""

    def __init__(self, *names: str) -> None:
        self._dealings = {name: Dealing(state="unused", at=time.time()) for name in names}

    def succeeded(self, name: str) -> None:
        known = self._dealings[name]
        if known.state != "ok" or time.time() - known.at > 1:
            self._dealings[name] = Dealing(state="ok", at=time.time())

    def failed(self, name: str, detail: str) -> None:
        self._dealings[name] = Dealing(state="failing", at=time.time(), detail=detail)

    def report(self) -> dict[str, dict[str, str | float]]:
        """Per dependency: state, seconds since, and the last error's text."""
        now = time.time()
        return {
            name: {"state": d.state, "age_s": round(now - d.at, 1), **({"detail": d.detail} if d.detail else {})}
            for name, d in self._dealings.items()
        }
