"""The locustfile behind `plugins.load.runner`: does what the plan in `CAFE_LOAD_PLAN` says, and says when it begins."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infrastructure.errors import ExitCode
from plugins.load.locust_user import open_model_user
from plugins.load.plan import PLAN_VARIABLE, Assignment, of_json
from plugins.load.runner import READY_VARIABLE


class Planned:
    """One run, judged by whoever ordered it."""

    def __init__(self) -> None:
        self._assignment = of_json(Path(os.environ[PLAN_VARIABLE]).read_text(encoding="utf-8"))

    def prepare(self, environment: Any) -> None:
        environment.host = self._assignment.host

    def assignment(self, environment: Any) -> Assignment:
        return self._assignment

    def started(self, assignment: Assignment, at: float) -> None:
        ready = int(os.environ[READY_VARIABLE])
        os.write(ready, json.dumps({"started_at": at}).encode() + b"\n")
        os.close(ready)

    def judged(self, doubts: Sequence[str]) -> ExitCode:
        return ExitCode.INCONCLUSIVE if doubts else ExitCode.PASSED

    def report(self) -> str:
        return ""


Customers = open_model_user(Planned())
