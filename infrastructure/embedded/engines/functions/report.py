"""What one invocation of a function came to: its answer, its log and the figures of its REPORT line.

Source: AWS Lambda Developer Guide, "Sending Lambda function logs to CloudWatch Logs" (START, END, REPORT). Since August
2025 the Init phase is billed, so that a cold start's billed duration contains it.
"""

import math
import re
from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "function_error", "throttled"]
LOG_TAIL_BYTES = 4096
"""What LogType=Tail gives back at most."""

_REPORT = re.compile(
    r"REPORT RequestId: (?P<id>\S+)\s+Duration: (?P<duration>[\d.]+) ms\s+Billed Duration: (?P<billed>\d+) ms\s+"
    r"Memory Size: (?P<memory>\d+) MB\s+Max Memory Used: (?P<most>\d+) MB"
    r"(?:\s+Init Duration: (?P<init>[\d.]+) ms)?(?:\s+Status: (?P<status>\w+))?"
    r"(?:\s+Error Type: (?P<error>\S+))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The REPORT line, as numbers: milliseconds and megabytes. `init_ms` is None unless this was a cold start.

    `outcome` is `timeout` or `error` when the invocation ended so, as AWS appends it; else empty.
    """

    request_id: str
    duration_ms: float
    memory_mb: int
    max_memory_mb: int
    init_ms: float | None = None
    outcome: str = ""
    error_type: str = ""
    """With `error`: `Runtime.OutOfMemory`, `Runtime.ExitError` …"""

    @property
    def is_cold(self) -> bool:
        return self.init_ms is not None

    @property
    def billed_ms(self) -> int:
        """Duration and init together, rounded up to whole milliseconds."""
        return math.ceil(self.duration_ms + (self.init_ms or 0.0))

    @property
    def line(self) -> str:
        """The line in the log, with AWS's tabs and no line end."""
        parts = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {self.billed_ms} ms",
            f"Memory Size: {self.memory_mb} MB",
            f"Max Memory Used: {self.max_memory_mb} MB",
        ]
        parts += [f"Init Duration: {self.init_ms:.2f} ms"] if self.init_ms is not None else []
        parts += [f"Status: {self.outcome}"] if self.outcome else []
        parts += [f"Error Type: {self.error_type}"] if self.error_type else []
        return "\t".join(parts) + "\t"

    @classmethod
    def parse(cls, log: str) -> "Report | None":
        """The first REPORT line in `log`, this cloud's or AWS's own; None when there is none."""
        found = _REPORT.search(log)
        if found is None:
            return None
        return cls(
            request_id=found["id"],
            duration_ms=float(found["duration"]),
            memory_mb=int(found["memory"]),
            max_memory_mb=int(found["most"]),
            init_ms=float(found["init"]) if found["init"] else None,
            outcome=found["status"] or "",
            error_type=found["error"] or "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """How one invocation ended.

    ok              `payload` is the handler's answer, JSON
    function_error  `payload` is AWS's error document (`errorType`, `errorMessage`); the handler raised, was cut off at
                    its time-out, or its sandbox ended
    throttled       nothing ran; `reason` is AWS's Reason of the TooManyRequestsException, `report` is None
    """

    status: Status
    request_id: str
    payload: bytes = b""
    executed_version: str = "$LATEST"
    log: str = ""
    """What was written during the invocation, START to REPORT; a cold start's own init lines come first."""
    report: Report | None = None
    reason: str = ""

    @property
    def log_tail(self) -> bytes:
        """The last 4 KB of the log, as LogType=Tail gives them (before base64)."""
        return self.log.encode()[-LOG_TAIL_BYTES:]
