"""Health checks follow AWS's rules, as a table of outcomes and against real sockets."""

import asyncio
import socket
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

import pytest

from infrastructure.embedded.network.envoy.model import LOOPBACK, Endpoint
from infrastructure.embedded.network.health import (
    FAILED,
    SUCCESS,
    TIMED_OUT,
    Check,
    CheckOutcome,
    Health,
    HealthChecks,
    Policy,
    TargetState,
    mismatch,
    probe,
)
from infrastructure.embedded.pace import AWS, FAST
from infrastructure.embedded.tests.wire import Target, target

POLICY = Policy(
    protocol="HTTP",
    path="/health",
    interval_s=0.01,
    timeout_s=1.0,
    healthy_threshold=2,
    unhealthy_threshold=3,
)


@pytest.mark.parametrize(
    ("outcomes", "state"),
    [
        pytest.param([], "initial", id="registered"),
        pytest.param([SUCCESS], "healthy", id="one-success-is-enough-for-a-new-target"),
        pytest.param([FAILED, FAILED], "initial", id="a-new-target-may-fail"),
        pytest.param([FAILED, FAILED, SUCCESS], "healthy", id="and-come-up-late"),
        pytest.param([FAILED, FAILED, FAILED], "unhealthy", id="but-not-for-ever"),
        pytest.param([SUCCESS, FAILED, FAILED], "healthy", id="fewer-failures-than-the-threshold"),
        pytest.param([SUCCESS, FAILED, FAILED, SUCCESS, FAILED], "healthy", id="failures-must-be-in-a-row"),
        pytest.param([SUCCESS, FAILED, FAILED, FAILED], "unhealthy", id="as-many-failures-as-the-threshold"),
        pytest.param([FAILED] * 3 + [SUCCESS], "unhealthy", id="one-success-does-not-heal"),
        pytest.param([FAILED] * 3 + [SUCCESS, FAILED, SUCCESS], "unhealthy", id="successes-must-be-in-a-row"),
        pytest.param([FAILED] * 3 + [SUCCESS, SUCCESS], "healthy", id="as-many-successes-as-the-threshold"),
    ],
)
def test_the_state_follows_the_outcomes(outcomes: Sequence[CheckOutcome], state: str) -> None:
    record = TargetState()
    for outcome in outcomes:
        record = record.after(outcome, POLICY)
    assert record.health.state == state


def test_a_new_target_may_be_given_longer() -> None:
    patient = replace(POLICY, initial_threshold=5)
    record = TargetState()
    for _ in range(4):
        record = record.after(FAILED, patient)
    assert record.health.state == "initial"
    assert record.after(FAILED, patient).health.state == "unhealthy"
    assert record.after(SUCCESS, patient).health.state == "healthy"


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        pytest.param(
            mismatch(503),
            ("Target.ResponseCodeMismatch", "Health checks failed with these codes: [503]"),
            id="wrong-status",
        ),
        pytest.param(TIMED_OUT, ("Target.Timeout", "Request timed out"), id="no-answer"),
        pytest.param(FAILED, ("Target.FailedHealthChecks", "Health checks failed"), id="refused"),
    ],
)
def test_the_reason_is_the_latest_failures(last: CheckOutcome, expected: tuple[str, str]) -> None:
    record = TargetState()
    for outcome in (FAILED, FAILED, TIMED_OUT, last):
        record = record.after(outcome, POLICY)
    assert (record.health.reason, record.health.description) == expected


@pytest.mark.parametrize(
    ("codes", "status", "is_accepted"),
    [
        ("200", 200, True),
        ("200", 204, False),
        ("200,204", 204, True),
        ("200-299", 204, True),
        ("200-299", 300, False),
        ("200,301-302", 302, True),
    ],
)
def test_the_matcher_reads_lists_and_ranges(codes: str, status: int, *, is_accepted: bool) -> None:
    policy = Policy(
        protocol="HTTP",
        path="/",
        interval_s=1.0,
        timeout_s=1.0,
        healthy_threshold=1,
        unhealthy_threshold=1,
        codes=codes,
    )
    assert policy.accepts(status) is is_accepted


def policy_for(path: str, *, timeout_s: float = 1.0) -> Policy:
    return Policy(
        protocol="HTTP",
        path=path,
        interval_s=0.01,
        timeout_s=timeout_s,
        healthy_threshold=2,
        unhealthy_threshold=2,
    )


def test_a_probe_tells_what_it_met() -> None:
    async def test() -> None:
        async with target() as well, target(status=503) as ill:
            assert await probe(well.endpoint, policy_for("/health")) == SUCCESS
            assert await probe(ill.endpoint, policy_for("/health")) == mismatch(503)
            assert await probe(well.endpoint, policy_for("/reset")) == FAILED
            assert await probe(well.endpoint, policy_for("/hang", timeout_s=0.05)) == TIMED_OUT
            assert well.counts["/health"] == 1
        assert await probe(well.endpoint, policy_for("/health")) == FAILED

    asyncio.run(test())


@pytest.mark.parametrize(
    "answer",
    [b"SSH-2.0-x\r\n", b"HTTP/1.1 fine OK\r\n", b"HTTP/1.1\r\n", b"", b"x" * 100_000],
    ids=["another-protocol", "no-number", "no-status", "nothing", "endless-line"],
)
def test_what_is_no_http_is_a_failure(answer: bytes) -> None:
    async def test() -> None:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(answer)
            writer.close()

        async with await asyncio.start_server(serve, LOOPBACK, 0) as server:
            port = server.sockets[0].getsockname()[1]
            assert await probe(Endpoint(LOOPBACK, port), policy_for("/")) == FAILED

    asyncio.run(test())


def test_a_tcp_check_only_connects() -> None:
    policy = Policy(protocol="TCP", path="", interval_s=1.0, timeout_s=1.0, healthy_threshold=2, unhealthy_threshold=2)
    with socket.create_server((LOOPBACK, 0)) as silent:
        endpoint = Endpoint(LOOPBACK, silent.getsockname()[1])
        assert asyncio.run(probe(endpoint, policy)) == SUCCESS
    assert asyncio.run(probe(endpoint, policy)) == FAILED


def test_a_target_in_question_is_checked_more_often_than_a_calm_one() -> None:
    policy = replace(POLICY, interval_s=10.0).at(FAST)
    assert (policy.interval_s, policy.calm_s) == (0.2, 1.0)
    new = TargetState()
    well = new.after(SUCCESS, policy)
    failing = well.after(FAILED, policy)
    ill = failing.after(FAILED, policy).after(FAILED, policy)
    assert ill.health.state == "unhealthy"
    assert [state.until_next_s(policy) for state in (new, well, failing, ill)] == [0.2, 1.0, 0.2, 0.2]
    as_configured = replace(POLICY, interval_s=10.0).at(AWS)
    assert well.until_next_s(as_configured) == failing.until_next_s(as_configured) == 10.0


def test_without_an_endpoint_nothing_is_contacted() -> None:
    assert asyncio.run(probe(None, POLICY)) == FAILED


class Changes:
    """Hears of changes of state, and lets a test wait for the next one."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def __call__(self, key: str, health: Health) -> None:
        self.queue.put_nowait((key, health.state))

    async def next(self) -> tuple[str, str]:
        async with asyncio.timeout(5.0):
            return await self.queue.get()


def following(test: Callable[[HealthChecks[str], Changes, Target], Coroutine[Any, Any, None]]) -> None:
    """Run `test` with a target that is being checked and has turned healthy."""

    async def run() -> None:
        changes = Changes()
        checks: HealthChecks[str] = HealthChecks(changes)
        async with target() as one:
            checks.follow({"one": Check(endpoint=one.endpoint, policy=policy_for("/health"))})
            assert checks.health("one") == TargetState().health
            assert await changes.next() == ("one", "healthy")
            await test(checks, changes, one)
        await checks.close()
        await checks.close()

    asyncio.run(run())


def test_each_change_of_state_is_told_once() -> None:
    async def test(checks: HealthChecks[str], changes: Changes, one: Target) -> None:
        one.status = 500
        assert await changes.next() == ("one", "unhealthy")
        one.status = 200
        assert await changes.next() == ("one", "healthy")
        assert changes.queue.empty()

    following(test)


def test_a_new_policy_keeps_the_state() -> None:
    async def test(checks: HealthChecks[str], changes: Changes, one: Target) -> None:
        checks.follow({"one": Check(endpoint=one.endpoint, policy=policy_for("/other"))})
        health = checks.health("one")
        assert health is not None
        assert health.state == "healthy"
        one.arrived.clear()
        while "/other" not in one.counts:
            await one.arrived.wait()
            one.arrived.clear()

    following(test)


def test_what_is_no_longer_followed_is_forgotten() -> None:
    async def test(checks: HealthChecks[str], changes: Changes, one: Target) -> None:
        checks.follow({})
        assert checks.health("one") is None
        checks.follow({"one": Check(endpoint=one.endpoint, policy=policy_for("/health"))})
        assert await changes.next() == ("one", "healthy")

    following(test)


def test_a_listener_that_fails_does_not_end_the_checks(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        changes = Changes()

        def fails_first(key: str, health: Health) -> None:
            changes(key, health)
            if health.state == "healthy":
                raise RuntimeError("a defect")

        checks: HealthChecks[str] = HealthChecks(fails_first)
        async with target() as one:
            checks.follow({"one": Check(endpoint=one.endpoint, policy=policy_for("/health"))})
            assert await changes.next() == ("one", "healthy")
            one.status = 500
            assert await changes.next() == ("one", "unhealthy")
        await checks.close()

    asyncio.run(test())
    assert "a defect" in caplog.text
