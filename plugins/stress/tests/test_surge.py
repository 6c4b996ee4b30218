"""A surge from nothing: how it is sent, measured and judged."""

import base64
import io
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.hooks import HierarchicalEmitter

from infrastructure.environment import Environment, load
from plugins.reporting.progress import Progress
from plugins.slo import MIN_SAMPLES, Verdict
from plugins.stress.neighbours import Neighbour, others
from plugins.stress.probing import Probe
from plugins.stress.rehearsal import checkout_event
from plugins.stress.surge.checkout import Checkout, Ending, SurgeEvidence, Wave, indicators
from plugins.stress.surge.claim import SurgeClaim
from plugins.stress.surge.judge import judge
from plugins.stress.surge.runner import Surge, restored, retire, run
from services.catalog import http_service

CLAIM = SurgeClaim.of("payment", "p99 <= 500 ms", "errors <= 0 %")
TOKEN = "a-token"
QUIET = Progress(lambda _emit: None)
VARIABLES = {"CAFE_ENVIRONMENT": "dev"}


def checkouts(
    count: int, took_ms: float, init_ms: float | None = None, ending: Ending = "ok", detail: str = ""
) -> tuple[Checkout, ...]:
    one = Checkout(at=1.0, took_ms=took_ms, ending=ending, init_ms=init_ms, duration_ms=9.0, detail=detail)
    return (one,) * count


def evidence(cold: tuple[Checkout, ...], warm: tuple[Checkout, ...]) -> SurgeEvidence:
    return SurgeEvidence(
        waves=(
            Wave(is_cold=True, start=1.0, end=3.0, checkouts=cold),
            Wave(is_cold=False, start=3.0, end=4.0, checkouts=warm),
        )
    )


COLD, WARM = checkouts(300, 900.0, init_ms=150.0), checkouts(300, 20.0)


@pytest.mark.parametrize(
    ("cold", "warm", "expected"),
    [
        pytest.param(COLD, WARM, Verdict.PASS, id="in time and warm again"),
        pytest.param(checkouts(300, 3100.0, init_ms=150.0), WARM, Verdict.FAIL, id="too slow from nothing"),
        pytest.param(COLD, checkouts(300, 700.0), Verdict.FAIL, id="still slow when warm"),
        pytest.param(COLD[:298], WARM, Verdict.INCONCLUSIVE, id="too few for a p99"),
        pytest.param((*COLD, *checkouts(1, 9.0, ending="throttled")), WARM, Verdict.FAIL, id="one was throttled"),
        pytest.param(checkouts(300, 20.0), WARM, Verdict.INCONCLUSIVE, id="nothing was cold"),
        pytest.param(checkouts(300, 9000.0), WARM, Verdict.INCONCLUSIVE, id="slow without a cold start"),
    ],
)
def test_cold_and_warm_waves_are_judged_apart(
    cold: tuple[Checkout, ...], warm: tuple[Checkout, ...], expected: Verdict
) -> None:
    record = judge(CLAIM, evidence(cold, warm))
    assert record.verdict == expected
    assert bool(record.reasons) == (expected is not Verdict.PASS)


@pytest.mark.parametrize(
    ("cold", "warm"),
    [(checkouts(300, 3100.0, init_ms=150.0), WARM), (COLD, checkouts(300, 700.0))],
    ids=["cold", "warm"],
)
def test_where_less_is_promised_both_waves_may_take_longer(
    cold: tuple[Checkout, ...], warm: tuple[Checkout, ...]
) -> None:
    assert judge(CLAIM, replace(evidence(cold, warm), latency_scale=2.0)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("late_ms", "ending", "expected"),
    [(50.0, "ok", Verdict.FAIL), (200.0, "ok", Verdict.INCONCLUSIVE), (200.0, "failed", Verdict.FAIL)],
    ids=["too slow without our lateness too", "in time without it", "failures are not ours"],
)
def test_a_surge_that_we_sent_late_does_not_fail_the_platform(late_ms: float, ending: Any, expected: Verdict) -> None:
    """A busy machine sends late, and the time to the answer counts from the moment of the wave: 3100 ms of 3000."""
    cold = tuple(replace(one, late_ms=late_ms) for one in checkouts(300, 3100.0, init_ms=150.0, ending=ending))
    record = judge(CLAIM, evidence(cold, WARM))
    assert record.verdict is expected
    assert any("the generator itself was 200 ms late" in reason for reason in record.reasons) == (late_ms > 100)


def test_how_late_a_checkout_was_sent_is_measured_as_it_leaves() -> None:
    functions = Functions()
    wave = Surge(functions=functions, name="payment", payload=b"{}", at_once=4).wave(is_cold=True)
    assert all(0.0 < one.late_ms <= one.took_ms for one in wave.checkouts)
    functions.meta.events.emit("before-send.lambda.Invoke", request=None)  # nobody listens any more


def test_init_and_duration_are_kept_apart_from_what_the_caller_waited() -> None:
    found = indicators((*checkouts(3, 900.0, init_ms=150.0), *checkouts(1, 30.0)))
    assert (found["p50"], found["max"], found["cold"]) == (900.0, 900.0, 75.0)
    assert (found["init.p50"], found["init.p99"], found["duration.p99"], found["errors"]) == (150.0, 150.0, 9.0, 0.0)


def test_a_record_spans_all_waves_and_names_the_five_most_frequent_failures() -> None:
    kinds = [checkouts(7 - number, 5.0, ending="failed", detail=f"error {number}") for number in range(6)]
    record = judge(CLAIM, evidence((*COLD, *(one for kind in kinds for one in kind)), WARM))
    assert [reason for reason in record.reasons if "checkouts failed" in reason] == [
        f"{7 - number} checkouts failed: error {number}" for number in range(5)
    ]
    spans = record.timeline.spans
    assert (record.started, record.ended) == (spans[0].start, spans[-1].end)
    assert record.ended > record.started


def test_a_record_shows_what_failed_and_how_often() -> None:
    failed = checkouts(2, 5.0, ending="failed", detail="Runtime.ExitError")
    record = judge(CLAIM, evidence((*COLD, *failed), WARM))
    assert "2 checkouts failed: Runtime.ExitError" in record.reasons
    assert {name for name, _, _ in record.metrics} >= {"surge p99", "cold", "init p99", "sent late p99", "warm p99"}
    assert [span.is_fault for span in record.timeline.spans] == [True, False]


@pytest.mark.parametrize("profile", ["quick", "full"])
def test_the_surge_comes_often_enough_for_a_p99_to_be_claimed(profile: Any) -> None:
    assert CLAIM.at_once * CLAIM.rounds(profile) >= MIN_SAMPLES["p99"]


def test_a_longer_profile_surges_more_often_and_no_higher() -> None:
    assert (CLAIM.at_once, CLAIM.rounds("quick"), CLAIM.rounds("full")) == (50, 6, 20)


def test_a_plan_names_target_calls_undo_and_judgement() -> None:
    text = CLAIM.preview("quick")
    for part in ("Black Friday", "of the service payment", "lambda:Invoke, 50 at once", "as it was", "p99 ≤ 3000 ms"):
        assert part in text


def test_a_report_shows_a_claim_by_its_id() -> None:
    assert repr(CLAIM) == CLAIM.id == "payment-cold-start"


@dataclass
class Functions:
    """Lambda's client: each sandbox is cold once, and a new configuration retires all. `answer` may fail an invoke."""

    answer: Callable[[int], BaseException | None] = lambda _number: None
    body: bytes = b'{"checkouts": 1, "seconds": 0.007}'
    error: str | None = None
    variables: dict[str, str] = field(default_factory=lambda: dict(VARIABLES))
    events: list[object] = field(default_factory=list)
    configured: list[dict[str, str]] = field(default_factory=list)
    together: threading.Barrier | None = None
    meta: Any = field(default_factory=lambda: SimpleNamespace(events=HierarchicalEmitter()))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _warm: int = 0

    def get_function_configuration(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - as AWS has it
        return {"Environment": {"Variables": dict(self.variables)}}

    def update_function_configuration(self, *, FunctionName: str, Environment: Any) -> None:  # noqa: N803
        self.variables, self._warm = Environment["Variables"], 0
        self.configured.append(self.variables)

    def get_waiter(self, name: str) -> "Functions":
        assert name == "function_updated_v2"
        return self

    def wait(self, *, FunctionName: str) -> None:  # noqa: N803 - as AWS has it
        """It is updated at once."""

    def invoke(self, *, FunctionName: str, Payload: bytes, LogType: str) -> dict[str, Any]:  # noqa: N803
        self.meta.events.emit("before-send.lambda.Invoke", request=None)
        with self._lock:
            self.events.append(json.loads(Payload))
            number = len(self.events)
        if (failure := self.answer(number)) is not None:
            raise failure
        if self.together is not None:
            self.together.wait(10)
        with self._lock:
            is_cold, self._warm = self._warm < 8, self._warm + 1
        report = "REPORT RequestId: r\tDuration: 7.00 ms\tBilled Duration: 8 ms\tMemory Size: 512 MB\t"
        report += "Max Memory Used: 71 MB\t" + ("Init Duration: 140.50 ms\t" if is_cold else "")
        log = base64.b64encode(f"START RequestId: r\n{report}\n".encode()).decode()
        failed = {"FunctionError": self.error} if self.error else {}
        return {"Payload": io.BytesIO(self.body), "LogResult": log, **failed}


def surge(functions: Functions, at_once: int = 8) -> Surge:
    return Surge(functions=functions, name="payment-dev", payload=checkout_event("cold-start", TOKEN), at_once=at_once)


def test_all_checkouts_of_a_wave_are_under_way_at_once() -> None:
    functions = Functions(together=threading.Barrier(8))  # nobody is answered before all eight have asked
    wave = surge(functions).wave(is_cold=True)
    assert [(one.ending, one.init_ms, one.duration_ms) for one in wave.checkouts] == [("ok", 140.5, 7.0)] * 8
    assert functions.events[0] == {"stress": {"scenario": "cold-start", "token": TOKEN, "checkouts": 1}}


def test_the_next_wave_is_warm_until_sandboxes_are_retired() -> None:
    functions = Functions()
    waves = [surge(functions).wave(is_cold=True), surge(functions).wave(is_cold=False)]
    retire(functions, "payment-dev", VARIABLES)
    waves.append(surge(functions).wave(is_cold=True))
    assert [indicators(wave.checkouts)["cold"] for wave in waves] == [100.0, 0.0, 100.0]


THROTTLE = ClientError({"Error": {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}}, "Invoke")
GONE = EndpointConnectionError(endpoint_url="http://127.0.0.1:1")


@pytest.mark.parametrize(("failure", "ending"), [(THROTTLE, "throttled"), (GONE, "failed")], ids=["throttled", "lost"])
def test_an_invocation_that_is_refused_is_reported_and_does_not_end_the_wave(failure: Exception, ending: str) -> None:
    functions = Functions(answer=lambda number: failure if number == 3 else None)
    wave = surge(functions).wave(is_cold=True)
    assert sorted(one.ending for one in wave.checkouts) == sorted(["ok"] * 7 + [ending])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        pytest.param(b"null", None, id="nothing was done"),
        pytest.param(b'{"checkouts": 0, "seconds": 0.0}', None, id="no checkout was done"),
        pytest.param(b'{"batchItemFailures": []}', None, id="taken for a batch"),
        pytest.param(b"<html>", None, id="not JSON"),
        pytest.param(b'{"checkouts": 1, "seconds": 0.007}', "Unhandled", id="an error all the same"),
        pytest.param(b'"' + b"x" * 298 + "\u2026".encode() + b'"', "Unhandled", id="cut off inside a character"),
    ],
)
def test_only_an_answer_that_reports_the_checkout_counts_as_one(body: bytes, error: str | None) -> None:
    wave = surge(Functions(body=body, error=error)).wave(is_cold=True)
    assert {one.ending for one in wave.checkouts} == {"failed"}
    assert all(one.detail for one in wave.checkouts)


def test_the_operators_token_is_not_shown_by_what_a_traceback_prints() -> None:
    assert TOKEN not in repr(surge(Functions()))


def test_the_function_is_as_it_was_when_the_run_breaks_off() -> None:
    functions = Functions(answer=lambda number: KeyboardInterrupt() if number == 60 else None)
    with pytest.raises(KeyboardInterrupt):
        run(Cafe(functions), CLAIM, "quick", QUIET)
    assert len(functions.configured) == 2
    assert functions.variables == VARIABLES


def test_what_a_killed_run_left_is_put_back_too() -> None:
    functions = Functions(variables={**VARIABLES, "CAFE_SURGE": "left"})
    with restored(functions, "payment-dev"):
        pass
    assert functions.variables == VARIABLES


@dataclass
class Cafe:
    """A platform with one function, and services that nobody hears of."""

    functions: Functions
    environment: Environment = field(default_factory=lambda: load("dev"))

    def endpoint(self, name: str) -> str:
        return "http://127.0.0.1:1"

    def client(self, service: str) -> Any:
        assert service == "lambda"
        return self.functions

    def output(self, key: str) -> str:
        assert key == "PaymentFunctionName"
        return "payment-dev"

    def operator_token(self) -> str:
        return TOKEN


def test_a_run_sends_every_round_cold_first_and_puts_the_function_back() -> None:
    functions = Functions()
    found = run(Cafe(functions), CLAIM, "quick", QUIET)
    assert [wave.is_cold for wave in found.waves] == [True, False] * 6
    assert {len(wave.checkouts) for wave in found.waves} == {50}
    assert len({variables.get("CAFE_SURGE") for variables in functions.configured}) == 7
    assert functions.variables == VARIABLES


@pytest.mark.parametrize(
    ("took_s", "expected"),
    [(0.01, Verdict.PASS), (0.3, Verdict.FAIL), (None, Verdict.FAIL)],
    ids=["kept", "slow", "silent"],
)
def test_the_other_services_keep_their_promises_meanwhile(took_s: float | None, expected: Verdict) -> None:
    other = Neighbour(service=http_service("order"), probes=(Probe(at=1.0, took_s=took_s),) * 60)
    record = judge(CLAIM, replace(evidence(COLD, WARM), others=(other,)))
    assert record.verdict is expected
    assert ("order meanwhile" in "\n".join(record.reasons)) == (expected is Verdict.FAIL)
    failed = "60 of 60" if took_s is None else "none of 60"
    assert f"{failed} requests to order failed" in str(record.impact)


def test_a_service_that_is_not_there_is_seen_by_those_who_ask_it() -> None:
    found = run(Cafe(Functions()), CLAIM, "quick", QUIET)
    assert [other.service for other in found.others] == list(others(CLAIM.service))
    assert all(probe.took_s is None for other in found.others for probe in other.probes)


def test_the_sentence_tells_who_felt_it_from_nothing_and_warm() -> None:
    record = judge(CLAIM, evidence((*COLD, *checkouts(2, 5.0, ending="throttled")), WARM))
    assert str(record.impact) == "2 of 602 checkouts failed; p99 from nothing 900 → warm 20 ms"
