"""How an invocation ends, in AWS's words: the error document, the log's lines, the REPORT line's last fields. Pure."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from infrastructure.embedded.engines.functions.report import Report
from infrastructure.embedded.engines.functions.runtime_api import ANSWER_LIMIT

Cause = Literal["", "timeout", "memory", "abandoned"]
"""Why we killed a sandbox; empty when it ended by itself."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The handler returned, or raised."""

    payload: bytes
    is_error: bool


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended before the handler answered. `returncode` as in `subprocess`."""

    returncode: int
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What the caller gets and what is written. `lines` come before END in the log."""

    payload: bytes
    is_error: bool
    report: Report
    lines: tuple[str, ...] = ()


def judge(outcome: Answered | Died, report: Report, timeout_s: float) -> End:
    """The end that `outcome` is; `report` so far knows duration and memory."""
    if isinstance(outcome, Died):
        return _timed_out(report, timeout_s) if outcome.cause == "timeout" else _exited(outcome, report)
    if len(outcome.payload) <= ANSWER_LIMIT:
        return End(payload=outcome.payload, is_error=outcome.is_error, report=report)
    message = f"Response payload size exceeded maximum allowed payload size ({ANSWER_LIMIT} bytes)."
    return _failed("Function.ResponseSizeTooLarge", message, report, (message,))


def _timed_out(report: Report, timeout_s: float) -> End:
    text = f"Task timed out after {timeout_s:.2f} seconds"
    at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    document = error_document("Sandbox.Timedout", f"RequestId: {report.request_id} Error: {text}")
    return End(
        payload=document,
        is_error=True,
        report=replace(report, outcome="timeout"),
        lines=(f"{at}Z {report.request_id} {text}",),
    )


def _exited(death: Died, report: Report) -> End:
    how = f"with error: {ending(death.returncode)}" if death.returncode else "without providing a reason"
    text = f"RequestId: {report.request_id} Error: Runtime exited {how}"
    end = _failed("Runtime.ExitError", text, report, (text, "Runtime.ExitError"))
    if death.cause != "memory":
        return end
    return replace(end, report=replace(end.report, error_type="Runtime.OutOfMemory", max_memory_mb=report.memory_mb))


def _failed(kind: str, message: str, report: Report, lines: tuple[str, ...]) -> End:
    return End(
        payload=error_document(kind, message),
        is_error=True,
        report=replace(report, outcome="error", error_type=kind),
        lines=lines,
    )


def error_document(kind: str, message: str) -> bytes:
    """What a caller reads instead of an answer."""
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def read_error(document: bytes) -> tuple[str, str]:
    """Type and message of an error document; whatever code in a sandbox posted that is none is `Runtime.Unknown`."""
    try:
        read = json.loads(document)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        return "Runtime.Unknown", document[:200].decode("utf-8", "replace")
    return str(read.get("errorType", "Runtime.Unknown")), str(read.get("errorMessage", ""))


def ending(returncode: int) -> str:
    """As AWS words it: Go's description of a process's end."""
    names = {-9: "killed", -11: "segmentation fault", -6: "aborted", -15: "terminated"}
    return f"signal: {names.get(returncode, -returncode)}" if returncode < 0 else f"exit status {returncode}"
