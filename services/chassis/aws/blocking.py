"""Calls to AWS's JSON APIs without an event loop, for a Lambda sandbox, which does one thing at a time.

The same policy as `resilience.Resilient`, without tenacity, whose import is a tenth of a cold start's budget.
"""

import os
import random
import time
from collections.abc import Callable, Mapping
from typing import Final, Protocol

import orjson

from services.chassis.aws.errors import AwsError, unanswered
from services.chassis.aws.json_apis import Json, JsonApi, Wire, endpoint
from services.chassis.aws.sigv4 import Keys
from services.chassis.environment import ConfigurationError
from services.chassis.http.blocking import BlockingHttp
from services.chassis.http.exchange import Interrupted, Unreachable
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import RetryBudget, Timeouts
from services.chassis.web.health import Dependencies

ATTEMPTS: Final = 4
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 1.0


class BlockingCaller(Protocol):
    """Performs operations of one AWS API."""

    def call(self, operation: str, parameters: Json) -> Json:
        """The answer's document; `AwsError`."""
        ...


class Patience:
    """How long calls may take, and whether a failed one is made again: jittered, within the deadline, in the budget."""

    def __init__(
        self,
        *,
        timeouts: Timeouts,
        attempts: int,
        on_retry: Callable[[], None],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.timeouts = timeouts
        self.is_retrying = attempts > 1
        self._attempts = attempts
        self._budget = RetryBudget()
        self._on_retry = on_retry
        self._sleep = sleep

    @classmethod
    def resilient(cls, on_retry: Callable[[], None]) -> "Patience":
        """Time-outs on everything, up to four attempts."""
        return cls(timeouts=Timeouts(connect_s=1.0, read_s=3.0), attempts=ATTEMPTS, on_retry=on_retry)

    @classmethod
    def fragile(cls) -> "Patience":
        """No time-out, no retry: a client without a thought for failure. Only to prove that the suites notice."""
        return cls(timeouts=Timeouts(connect_s=None, read_s=None), attempts=1, on_retry=lambda: None)

    def begin(self) -> None:
        """A call is about to be made for the first time."""
        self._budget.earn()

    def again(self, made: int) -> bool:
        """After `made` failed attempts: wait and return True, or return False when that was the last."""
        ceiling = min(FIRST_PAUSE_S * 2**made, LONGEST_PAUSE_S)
        pause = random.uniform(0.0, ceiling)  # noqa: S311 - jitter is no secret
        if made >= self._attempts or pause >= deadline.remaining() or not self._budget.spend():
            return False
        self._on_retry()
        self._sleep(pause)
        return True


def keys_of_function(environ: Mapping[str, str] = os.environ) -> Keys:
    """The role's credentials, which Lambda puts into a sandbox's environment for as long as the sandbox lives.

    Source: Lambda developer guide, "Defined runtime environment variables". `ConfigurationError` when there are none.
    """
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if not access or not secret:
        raise ConfigurationError.of(["AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: this function has no credentials"])
    return Keys(access=access, secret=secret, token=environ.get("AWS_SESSION_TOKEN"))


class BlockingApi:
    """One AWS API, spoken to by one sandbox: a `BlockingCaller`."""

    def __init__(
        self, service: JsonApi, *, region: str, keys: Keys, patience: Patience, dependencies: Dependencies
    ) -> None:
        self._service = service
        self._keys = keys
        self._patience = patience
        self._dependencies = dependencies
        self._http = BlockingHttp(
            endpoint(service, region),
            connect_timeout_s=patience.timeouts.connect_s,
            heals_stale=patience.is_retrying,
        )
        self._wire = Wire(service, region=region, host=self._http.host)

    def call(self, operation: str, parameters: Json) -> Json:
        """Perform `operation` under the policy; `AwsError` once it gives up.

        The same bytes are sent again on a retry, so what makes a call idempotent belongs into `parameters`.
        """
        body = orjson.dumps(parameters)
        self._patience.begin()
        made = 0
        while True:
            try:
                answer = self._attempt(operation, body)
            except AwsError as error:
                made += 1
                self._note(error)
                if not error.is_retryable or not self._patience.again(made):
                    raise
            else:
                self._dependencies.succeeded(self._service.name)
                return answer

    def _attempt(self, operation: str, body: bytes) -> Json:
        request = self._wire.request(operation, body, self._keys)
        try:
            response = self._http.send(request, timeout_s=self._limit())
        except (Unreachable, Interrupted) as silence:
            raise unanswered(operation, silence) from silence
        return Wire.answer(operation, response.status, response.body)

    def _limit(self) -> float | None:
        read_s = self._patience.timeouts.read_s
        return None if read_s is None else min(read_s, deadline.remaining())

    def _note(self, error: AwsError) -> None:
        if error.is_retryable:
            self._dependencies.failed(self._service.name, str(error))
        else:  # it answered; the question was wrong, or answered with no
            self._dependencies.succeeded(self._service.name)

    def close(self) -> None:
        self._http.close()
