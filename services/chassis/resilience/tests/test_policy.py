import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tenacity import wait_fixed

from services.chassis.aws.errors import AwsError
from services.chassis.aws.tests.refusals import throttled
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import RetryBudget
from services.chassis.resilience.policy import Fragile, Resilience, Resilient

THROTTLED = throttled("Put")
REFUSED = AwsError(operation="Put", code="ValidationException", message="no", status=400)


@dataclass
class Flaky:
    """Fails with `error` for the first `failures` calls."""

    failures: int
    error: Exception
    calls: int = 0

    async def __call__(self) -> str:
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error
        return "done"


@dataclass
class Retries:
    seen: list[int] = field(default_factory=list)

    def __call__(self) -> None:
        self.seen.append(1)


def resilient(*, reserve: float = 10.0, attempts: int = 4, on_retry: Callable[[], None] = lambda: None) -> Resilient:
    return Resilient(budget=RetryBudget(reserve=reserve), on_retry=on_retry, attempts=attempts, wait=wait_fixed(0))


@pytest.mark.parametrize(
    ("policy", "failures", "error", "calls", "succeeds"),
    [
        pytest.param(resilient(), 0, THROTTLED, 1, True, id="no failure, no retry"),
        pytest.param(resilient(), 2, THROTTLED, 3, True, id="a throttle passes"),
        pytest.param(resilient(), 9, THROTTLED, 4, False, id="attempts end"),
        pytest.param(resilient(), 1, REFUSED, 1, False, id="a refusal is final"),
        pytest.param(resilient(), 1, ValueError("ours"), 1, False, id="a defect of ours is final"),
        pytest.param(resilient(reserve=1.0), 9, THROTTLED, 2, False, id="the budget ends"),
        pytest.param(Fragile(), 1, THROTTLED, 1, False, id="without resilience nothing is retried"),
    ],
)
def test_a_call_is_made_as_often_as_it_may_help(
    policy: Resilience, failures: int, error: Exception, calls: int, succeeds: bool
) -> None:
    flaky = Flaky(failures=failures, error=error)
    if succeeds:
        assert asyncio.run(policy.call(flaky)) == "done"
    else:
        with pytest.raises(type(error)):
            asyncio.run(policy.call(flaky))
    assert calls == flaky.calls


def test_every_retry_is_counted() -> None:
    retries = Retries()
    asyncio.run(resilient(on_retry=retries).call(Flaky(failures=2, error=THROTTLED)))
    assert len(retries.seen) == 2


def test_no_retry_begins_after_the_deadline() -> None:
    async def call() -> int:
        deadline.start(0.05)
        policy = Resilient(budget=RetryBudget(), on_retry=lambda: None, wait=wait_fixed(0.2))
        flaky = Flaky(failures=9, error=THROTTLED)
        with pytest.raises(AwsError):
            await policy.call(flaky)
        return flaky.calls

    assert asyncio.run(call()) == 1


@given(st.lists(st.sampled_from(["call", "retry"]), max_size=400))
def test_retries_never_exceed_a_fifth_of_the_calls_and_the_reserve(events: list[str]) -> None:
    budget = RetryBudget(ratio=0.2, reserve=10.0)
    calls = retries = 0
    for event in events:
        if event == "call":
            budget.earn()
            calls += 1
        else:
            retries += budget.spend()
        assert retries <= 0.2 * calls + 10.0 + 1e-9


def test_a_quiet_hour_does_not_buy_a_storm() -> None:
    budget = RetryBudget(ratio=0.2, reserve=10.0)
    for _ in range(10_000):
        budget.earn()
    assert sum(budget.spend() for _ in range(100)) == 10


@pytest.mark.parametrize("doubtful", [0, 1, 2], ids=["first", "second", "third"])
def test_a_call_may_have_happened_when_any_of_its_attempts_may_have(doubtful: int) -> None:
    """A silence, then refusals: the last error alone would say that nothing was done."""
    errors = [throttled("Put") for _ in range(3)]
    errors[doubtful] = AwsError(operation="Put", code="Interrupted", message="", may_have_happened=True)
    left = list(errors)

    async def attempt() -> None:
        raise left.pop(0)

    with pytest.raises(AwsError) as raised:
        asyncio.run(resilient(attempts=3).call(attempt))
    assert raised.value is errors[-1]
    assert raised.value.may_have_happened


def test_a_call_that_was_only_refused_did_not_happen() -> None:
    with pytest.raises(AwsError) as raised:
        asyncio.run(resilient().call(Flaky(9, THROTTLED)))
    assert not raised.value.may_have_happened
