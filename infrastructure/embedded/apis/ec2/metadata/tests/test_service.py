"""The service: versions one and two, by status."""

import pytest

from infrastructure.embedded.apis.ec2.metadata.service import TOKEN, TTL, MetadataService, View
from infrastructure.embedded.apis.ec2.metadata.tests.test_tokens import Clock
from infrastructure.embedded.apis.ec2.metadata.tests.test_tree import RICH
from infrastructure.embedded.apis.ec2.metadata.tokens import Tokens
from infrastructure.embedded.host.doorway import HttpRequest

ID = "/latest/meta-data/instance-id"


def service(*, is_enabled: bool = True, needs_token: bool = True, clock: Clock | None = None) -> MetadataService:
    view = View(is_enabled=is_enabled, needs_token=needs_token, facts=lambda: RICH)
    return MetadataService(Tokens(clock or Clock()), lambda: view)


def ask(made: MetadataService, method: str, path: str, **headers: str) -> tuple[int, str]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    found = made.answer(HttpRequest(method=method, path=path, headers=named))
    return found.status.value, found.text


def token(made: MetadataService, ttl: str = "60") -> str:
    status, text = ask(made, "PUT", "/latest/api/token", **{TTL: ttl})
    assert status == 200
    return text


def test_with_a_token_it_answers_and_without_one_it_does_not() -> None:
    made = service()
    assert ask(made, "GET", ID, **{TOKEN: token(made)}) == (200, "i-1")
    assert ask(made, "GET", ID)[0] == 401
    assert ask(made, "GET", ID, **{TOKEN: "guessed"})[0] == 401


def test_version_one_is_answered_where_tokens_are_optional_but_a_bad_token_is_not() -> None:
    made = service(needs_token=False)
    assert ask(made, "GET", ID) == (200, "i-1")
    assert ask(made, "GET", ID, **{TOKEN: token(made)}) == (200, "i-1")
    assert ask(made, "GET", ID, **{TOKEN: "guessed"})[0] == 401


def test_a_token_ends_with_its_time() -> None:
    clock = Clock()
    made = service(clock=clock)
    held = token(made, "1")
    clock.now += 1.5
    assert ask(made, "GET", ID, **{TOKEN: held})[0] == 401


def test_a_token_comes_with_the_time_it_has() -> None:
    found = service().answer(HttpRequest(method="PUT", path="/latest/api/token", headers={TTL: "21600"}))
    assert found.headers[TTL] == "21600"


@pytest.mark.parametrize("ttl", ["", "0", "-1", "21601", "1e3", "sixty", "٣", "9" * 40])
def test_a_token_wants_a_time_of_1_to_21600_seconds(ttl: str) -> None:
    assert ask(service(), "PUT", "/latest/api/token", **{TTL: ttl})[0] == 400
    assert ask(service(), "PUT", "/latest/api/token")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/latest", 200),
        ("GET", "/latest/", 200),
        ("GET", "/2021-07-15/meta-data/instance-id", 200),
        ("HEAD", ID, 200),
        ("GET", "/latest/meta-data/nothing", 404),
        ("GET", "/latest/meta-data/spot/termination-time", 404),
        ("GET", "/1999-01-01/meta-data/instance-id", 404),
        ("GET", "/meta-data/instance-id", 404),
        ("GET", "/latest/meta-data/%69nstance-id?a=b", 200),
        ("GET", "/latest/../latest/meta-data/instance-id", 404),
        ("PUT", ID, 405),
        ("POST", "/latest/api/token", 405),
        ("DELETE", ID, 405),
    ],
)
def test_a_request_has_awss_status(method: str, path: str, status: int) -> None:
    made = service(needs_token=False)
    assert ask(made, method, path)[0] == status


def test_a_token_is_not_given_through_a_proxy() -> None:
    assert ask(service(), "PUT", "/latest/api/token", **{TTL: "60", "x-forwarded-for": "10.0.0.1"})[0] == 403


def test_an_endpoint_that_is_turned_off_answers_nothing() -> None:
    made = service(is_enabled=False)
    assert ask(made, "GET", ID)[0] == 403
    assert ask(made, "PUT", "/latest/api/token", **{TTL: "60"})[0] == 403
