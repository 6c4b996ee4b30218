"""How calls out behave when the other side suffers: the one object that decides on time-outs and retries.

A retry that everybody makes is a storm. So retries are jittered, end with the request's deadline, and come out of a
budget that the whole process shares: at most a fifth of the calls, plus a small reserve (Google SRE book, ch. 21;
Finagle's RetryBudget).
"""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from services.chassis.aws.errors import AwsError
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import RetryBudget, Timeouts

T = TypeVar("T")


class Resilience(Protocol):
    """What a client asks before and around a call."""

    @property
    def timeouts(self) -> Timeouts: ...

    @property
    def is_retrying(self) -> bool: ...

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Run `attempt` as often as the policy allows; the last error is what comes out.

        It says `may_have_happened` when that is so of any attempt.
        """
        ...


class Resilient:
    """Time-outs on everything; retries with full jitter, within the deadline, out of the budget."""

    timeouts = Timeouts(connect_s=1.0, read_s=3.0)
    is_retrying = True

    def __init__(
        self,
        *,
        budget: RetryBudget,
        on_retry: Callable[[], None],
        attempts: int = 4,
        wait: wait_base = wait_random_exponential(multiplier=0.05, max=1.0),  # noqa: B008 - immutable
    ) -> None:
        self._budget = budget
        self._retrying = AsyncRetrying(
            retry=retry_if_exception(_is_retryable),
            stop=stop_after_attempt(attempts) | _OutOfTime() | _OutOfBudget(budget, on_retry),
            wait=wait,
            reraise=True,
        )

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        self._budget.earn()
        try:
            return await attempt()
        except AwsError as error:
            if not error.is_retryable:
                raise
            return await self._again(attempt, error)

    async def _again(self, attempt: Callable[[], Awaitable[T]], first: AwsError) -> T:
        """Go on after a first failure, which counts as an attempt: a call that succeeds pays for no machinery."""
        failures, is_in_doubt = [first], False

        async def once() -> T:
            nonlocal is_in_doubt
            try:
                if failures:
                    raise failures.pop()
                return await attempt()
            except AwsError as error:
                is_in_doubt = error.may_have_happened = is_in_doubt or error.may_have_happened
                raise

        return await self._retrying.copy()(once)  # a copy: its state belongs to one call


class Fragile:
    """No time-out, no retry: a client without a thought for failure. Only to prove that the chaos suites notice."""

    timeouts = Timeouts(connect_s=None, read_s=None)
    is_retrying = False

    async def call(self, attempt: Callable[[], Awaitable[T]]) -> T:
        return await attempt()


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, AwsError) and error.is_retryable


class _OutOfTime(stop_base):
    """Stops when the next attempt would begin after the deadline."""

    def __call__(self, retry_state: RetryCallState) -> bool:
        return retry_state.upcoming_sleep >= deadline.remaining()


class _OutOfBudget(stop_base):
    """Stops when the budget is spent. Comes last in the chain, since asking spends."""

    def __init__(self, budget: RetryBudget, on_retry: Callable[[], None]) -> None:
        self._budget = budget
        self._on_retry = on_retry

    def __call__(self, retry_state: RetryCallState) -> bool:
        if not self._budget.spend():
            return True
        self._on_retry()
        return False
