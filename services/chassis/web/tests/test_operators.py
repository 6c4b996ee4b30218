import asyncio

import pytest
from starlette.requests import Request

from services.chassis.aws.json_apis import Json
from services.chassis.aws.tests.refusals import unreachable
from services.chassis.web.operators import Operators
from services.chassis.web.problems import HttpProblem

TOKEN = "operator-token-0123456789"


class Secrets:
    def __init__(self, secret: str) -> None:
        self.secret = secret
        self.asked = 0

    async def call(self, operation: str, parameters: Json) -> Json:
        assert (operation, parameters) == ("GetSecretValue", {"SecretId": "id"})
        self.asked += 1
        if not self.secret:
            raise unreachable(operation)
        return {"SecretString": self.secret}


def request(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers})


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        pytest.param(None, 401, id="nothing shown"),
        pytest.param("Basic b3A6b3A=", 401, id="another scheme"),
        pytest.param("Bearer", 401, id="no token"),
        pytest.param("Bearer wrong", 403, id="a wrong token"),
        pytest.param(f"Bearer {TOKEN}x", 403, id="a longer token"),
        pytest.param("Bearer tökén", 403, id="not ASCII"),
    ],
)
def test_others_are_turned_away(authorization: str | None, status: int) -> None:
    with pytest.raises(HttpProblem) as raised:
        asyncio.run(Operators(Secrets(TOKEN), "id").require(request(authorization)))
    assert status == raised.value.status
    assert TOKEN not in raised.value.body("/x").decode()


@pytest.mark.parametrize("secret", [TOKEN, f'{{"token": "{TOKEN}"}}'])
def test_an_operator_passes_and_the_secret_is_read_once(secret: str) -> None:
    secrets = Secrets(secret)

    async def twice() -> None:
        operators = Operators(secrets, "id")
        await operators.require(request(f"Bearer {TOKEN}"))
        await operators.require(request(f"bearer {TOKEN}"))

    asyncio.run(twice())
    assert secrets.asked == 1


@pytest.mark.parametrize("secret", ["", '{"password": "x"}', '{"token": null}', '{"token": ["None"]}'])
def test_without_a_token_to_compare_with_nobody_passes(secret: str) -> None:
    with pytest.raises(HttpProblem) as raised:
        asyncio.run(Operators(Secrets(secret), "id").require(request("Bearer None")))
    assert raised.value.status == 503
