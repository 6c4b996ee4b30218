"""Calls to AWS's JSON APIs over our own keep-alive client, under our own resilience, in an event loop.

botocore's retries would sit below our policy and multiply with it, and its clients cost 1-1.5 ms a call, so only its
way of finding credentials is used.
"""

import asyncio

import botocore.session
import orjson
from botocore.credentials import Credentials, ReadOnlyCredentials, RefreshableCredentials

from services.chassis.aws.errors import AwsError, unanswered
from services.chassis.aws.json_apis import Json, JsonApi, Wire, endpoint
from services.chassis.aws.sigv4 import Keys
from services.chassis.http.client import HttpPool
from services.chassis.http.exchange import Interrupted, Unreachable
from services.chassis.resilience import deadline
from services.chassis.resilience.policy import Resilience
from services.chassis.web.health import Dependencies


class Identity:
    """The credentials of this task, found the way every AWS SDK finds them, renewed without stopping the event loop."""

    def __init__(self) -> None:
        credentials = botocore.session.get_session().get_credentials()
        if credentials is None:
            raise _no_credentials("neither its environment nor ECS gives any")
        self.credentials: Credentials = credentials

    async def keys(self, *, within_s: float | None) -> Keys:
        """The credentials as they are now, renewed in a thread if they are about to expire; `AwsError`."""
        try:
            async with asyncio.timeout(within_s):
                frozen = await self._frozen()
        except TimeoutError:
            raise _no_credentials(f"they were not renewed within {within_s:.3g} s") from None
        except Exception as error:  # whatever a provider of credentials raises, for the caller it is one thing
            raise _no_credentials(str(error)) from error
        return Keys(access=str(frozen.access_key), secret=str(frozen.secret_key), token=frozen.token)

    async def _frozen(self) -> ReadOnlyCredentials:
        if isinstance(self.credentials, RefreshableCredentials) and self.credentials.refresh_needed():
            return await asyncio.to_thread(self.credentials.get_frozen_credentials)
        return self.credentials.get_frozen_credentials()


def _no_credentials(why: str) -> AwsError:
    """Status 0: the call was never sent, and a moment later it may succeed."""
    return AwsError(operation="sign", code="NoCredentials", message=f"this task has no AWS credentials: {why}")


class AwsApi:
    """One AWS API, spoken to by one task: a `Caller`. `wire` writes and reads it, `at_once` calls at most."""

    def __init__(
        self,
        service: JsonApi,
        *,
        region: str,
        identity: Identity,
        resilience: Resilience,
        dependencies: Dependencies,
        wire: type[Wire] = Wire,
        at_once: int = 64,
    ) -> None:
        self._service = service
        self._identity = identity
        self._resilience = resilience
        self._dependencies = dependencies
        self._timeouts = resilience.timeouts
        self._url = endpoint(service, region) + "/"
        self._pool = HttpPool(
            self._url.rstrip("/"),
            connect_timeout_s=self._timeouts.connect_s,
            heals_stale=resilience.is_retrying,
            limit=at_once,
        )
        self._wire = wire(service, region=region, host=self._pool.host)

    async def call(self, operation: str, parameters: Json) -> Json:
        """Perform `operation` under the resilience policy; `AwsError` once it gives up.

        The same bytes are sent again on a retry, so what makes a call idempotent belongs into `parameters`.
        """
        return await self.send(operation, orjson.dumps(parameters))

    async def send(self, operation: str, body: bytes) -> Json:
        """The same with the body as it is."""
        return await self._resilience.call(lambda: self._attempt(operation, body))

    async def _attempt(self, operation: str, body: bytes) -> Json:
        try:
            keys = await self._identity.keys(within_s=self._patience())
        except AwsError as error:
            self._dependencies.failed(self._service.name, str(error))
            raise
        try:
            request = self._wire.request(operation, body, keys)
            response = await self._pool.send(request, timeout_s=self._patience())
        except (Unreachable, Interrupted) as silence:
            self._dependencies.failed(self._service.name, str(silence))
            raise unanswered(operation, silence) from silence
        return self._read(operation, response.status, response.body)

    def _patience(self) -> float | None:
        if self._timeouts.read_s is None:
            return None
        return min(self._timeouts.read_s, deadline.remaining())

    def _read(self, operation: str, status: int, body: bytes) -> Json:
        try:
            document = self._wire.answer(operation, status, body)
        except AwsError as error:
            if error.is_retryable:
                self._dependencies.failed(self._service.name, error.code)
            else:  # it answered; the question was wrong, or answered with no
                self._dependencies.succeeded(self._service.name)
            raise
        self._dependencies.succeeded(self._service.name)
        return document

    def close(self) -> None:
        self._pool.close()
