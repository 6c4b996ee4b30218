"""What only operators may do: they show the bearer token that Secrets Manager keeps."""

import secrets
import time

from starlette.requests import Request

from services.chassis import log
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import Caller
from services.chassis.web.problems import HttpProblem, unavailable
from services.chassis.web.token import TRUST_S, read_token


class Operators:
    """Tells operators from everybody else."""

    def __init__(self, secretsmanager: Caller, secret_id: str) -> None:
        self._secretsmanager = secretsmanager
        self._secret_id = secret_id
        self._token = ""
        self._trusted_until = 0.0

    async def require(self, request: Request) -> None:
        """Return if the request shows the token; `HttpProblem` 401 without one, 403 with a wrong one (RFC 6750)."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not shown:
            challenge = {"WWW-Authenticate": 'Bearer realm="operators"'}
            raise HttpProblem(401, "unauthorized", "this is for operators: send their bearer token", headers=challenge)
        if not secrets.compare_digest(shown.strip().encode(), (await self._expected()).encode()):
            raise HttpProblem(403, "forbidden", "this is not the operators' token")

    async def _expected(self) -> str:
        if time.monotonic() < self._trusted_until:
            return self._token
        try:
            answer = await self._secretsmanager.call("GetSecretValue", {"SecretId": self._secret_id})
        except AwsError as error:
            raise unavailable("the operators' token cannot be read", retry_after_s=5) from error
        self._token = read_token(str(answer.get("SecretString", "")))
        if not self._token:
            raise unavailable("the operators' token is not set", retry_after_s=60)
        log.conceal(self._token)
        self._trusted_until = time.monotonic() + TRUST_S
        return self._token
