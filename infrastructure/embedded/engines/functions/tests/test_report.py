"""The REPORT line: written as AWS does, and read back from this cloud's log or AWS's."""

import json

import pytest

from infrastructure.embedded.engines.functions.ends import Answered, Died, judge
from infrastructure.embedded.engines.functions.report import LOG_TAIL_BYTES, Invocation, Report

ID = "8f507cfc-0d1f-4a3e-9d2c-0d3f3f0f7b11"


def _report(**members: object) -> Report:
    given = {"request_id": ID, "duration_ms": 12.341, "memory_mb": 512, "max_memory_mb": 71, **members}
    return Report(**given)  # type: ignore[arg-type]  # the tests below give each member its type


@pytest.mark.parametrize(
    ("report", "line"),
    [
        pytest.param(
            _report(),
            f"REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\t"
            "Max Memory Used: 71 MB\t",
            id="warm",
        ),
        pytest.param(
            _report(init_ms=123.45),
            f"REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 136 ms\tMemory Size: 512 MB\t"
            "Max Memory Used: 71 MB\tInit Duration: 123.45 ms\t",
            id="cold",
        ),
        pytest.param(
            _report(duration_ms=3000.0, outcome="timeout"),
            f"REPORT RequestId: {ID}\tDuration: 3000.00 ms\tBilled Duration: 3000 ms\tMemory Size: 512 MB\t"
            "Max Memory Used: 71 MB\tStatus: timeout\t",
            id="timed-out",
        ),
        pytest.param(
            _report(outcome="error", error_type="Runtime.OutOfMemory"),
            f"REPORT RequestId: {ID}\tDuration: 12.34 ms\tBilled Duration: 13 ms\tMemory Size: 512 MB\t"
            "Max Memory Used: 71 MB\tStatus: error\tError Type: Runtime.OutOfMemory\t",
            id="out-of-memory",
        ),
    ],
)
def test_a_report_is_written_and_read_back(report: Report, line: str) -> None:
    assert report.line == line
    read = Report.parse(f"START RequestId: {ID} Version: 3\nsaid\n{line}\n")
    assert read is not None
    assert read.line == line


def test_a_log_without_a_report_has_none() -> None:
    assert Report.parse("START RequestId: x Version: 1\n") is None


def test_the_log_tail_is_its_last_four_kilobytes() -> None:
    invocation = Invocation(status="ok", request_id=ID, log="first\n" + "x" * 5000 + "\nlast\n")
    assert len(invocation.log_tail) == LOG_TAIL_BYTES
    assert invocation.log_tail.endswith(b"x\nlast\n")


@pytest.mark.parametrize(
    ("outcome", "error", "text"),
    [
        pytest.param(Died(0, ""), "Runtime.ExitError", "Runtime exited without providing a reason", id="left"),
        pytest.param(Died(1, ""), "Runtime.ExitError", "Runtime exited with error: exit status 1", id="failed"),
        pytest.param(Died(-11, ""), "Runtime.ExitError", "signal: segmentation fault", id="crashed"),
        pytest.param(Died(-9, "memory"), "Runtime.OutOfMemory", "signal: killed", id="out-of-memory"),
        pytest.param(Died(-9, "timeout"), "", "Task timed out after 3.00 seconds", id="timed-out"),
    ],
)
def test_a_death_is_worded_as_aws_does(outcome: Died, error: str, text: str) -> None:
    end = judge(outcome, _report(), 3.0)
    assert end.is_error
    assert end.report.error_type == error
    assert text in json.loads(end.payload)["errorMessage"]
    assert text in end.lines[0]


def test_an_answer_is_passed_on_untouched() -> None:
    end = judge(Answered(b'{"a": 1}', is_error=False), _report(), 3.0)
    assert (end.payload, end.is_error, end.lines) == (b'{"a": 1}', False, ())
