from collections.abc import Iterator
from contextlib import closing

import pytest

from services.chassis.aws.blocking import BlockingApi, Patience, keys_of_function
from services.chassis.aws.errors import AwsError
from services.chassis.aws.json_apis import DYNAMODB
from services.chassis.aws.sigv4 import Keys
from services.chassis.environment import ConfigurationError
from services.chassis.resilience import deadline
from services.chassis.resilience.budget import Timeouts
from services.chassis.tests.peer import Peer, answering, silent
from services.chassis.web.health import Dependencies


def http(status: int, body: bytes) -> bytes:
    return f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


FINE = http(200, b'{"Item": {}}')
THROTTLED = http(400, b'{"__type": "x#ThrottlingException", "message": "slow down"}')
BROKEN = http(500, b'{"__type": "InternalServerError"}')
WRONG = http(400, b'{"__type": "ValidationException", "message": "no"}')


class Api:
    """For one test, a `BlockingApi` to a peer; what it slept and how often it tried again."""

    def __init__(self, peer: Peer, monkeypatch: pytest.MonkeyPatch, *, attempts: int = 4, read_s: float = 2.0) -> None:
        monkeypatch.setenv(DYNAMODB.variable, peer.url)
        self.slept: list[float] = []
        self.retries = 0
        self.dependencies = Dependencies("dynamodb")
        patience = Patience(
            timeouts=Timeouts(connect_s=1.0, read_s=read_s),
            attempts=attempts,
            on_retry=self._retried,
            sleep=self.slept.append,
        )
        self.api = BlockingApi(
            DYNAMODB,
            region="us-east-1",
            keys=Keys(access="a", secret="s", token=None),
            patience=patience,
            dependencies=self.dependencies,
        )

    def _retried(self) -> None:
        self.retries += 1

    def close(self) -> None:
        self.api.close()

    def get(self) -> object:
        return self.api.call("GetItem", {"TableName": "t"})


@pytest.fixture(autouse=True)
def no_deadline() -> Iterator[None]:
    deadline.start(float("inf"))
    yield
    deadline.start(float("inf"))


@pytest.mark.parametrize("failure", [pytest.param(THROTTLED, id="throttled"), pytest.param(BROKEN, id="broken")])
def test_what_may_mend_is_tried_again(failure: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(answering(failure, failure, FINE)) as peer, closing(Api(peer, monkeypatch)) as api:
        assert api.get() == {"Item": {}}
    assert api.retries == len(api.slept) == 2
    assert api.dependencies.report()["dynamodb"]["state"] == "ok"


def test_what_cannot_mend_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        Peer(answering(WRONG, FINE)) as peer,
        closing(Api(peer, monkeypatch)) as api,
        pytest.raises(AwsError, match="ValidationException: no"),
    ):
        api.get()
    assert api.retries == 0
    assert api.dependencies.report()["dynamodb"]["state"] == "ok", "it did answer"


def test_attempts_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(answering(BROKEN)) as peer, closing(Api(peer, monkeypatch)) as api, pytest.raises(AwsError):
        api.get()
    assert api.retries == 3
    assert api.dependencies.report()["dynamodb"]["state"] == "failing"


def test_retries_end_with_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(answering(BROKEN)) as peer, closing(Api(peer, monkeypatch)) as api:
        for _ in range(50):
            with pytest.raises(AwsError):
                api.get()
    assert api.retries <= 10 + 50 * 0.2


def test_nothing_is_tried_again_after_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    with Peer(silent) as peer, closing(Api(peer, monkeypatch)) as api:
        deadline.start(0.05)
        with pytest.raises(AwsError, match="in time") as raised:
            api.get()
    assert raised.value.may_have_happened
    assert api.retries == 0


def test_the_fragile_try_once_and_wait_for_ever() -> None:
    patience = Patience.fragile()
    assert patience.timeouts == Timeouts(connect_s=None, read_s=None)
    assert not patience.is_retrying
    assert not patience.again(1)


def test_a_function_has_its_roles_credentials() -> None:
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}
    assert keys_of_function(environ) == Keys(access="a", secret="s", token="t")
    with pytest.raises(ConfigurationError, match="no credentials"):
        keys_of_function({"AWS_ACCESS_KEY_ID": "a"})
