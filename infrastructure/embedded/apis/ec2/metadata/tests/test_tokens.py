"""Tokens: good for their time, on the instance that gave them."""

import base64

import pytest

from infrastructure.embedded.apis.ec2.metadata.tokens import Tokens


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_is_good_until_its_time_is_over() -> None:
    clock = Clock()
    tokens = Tokens(clock)
    token = tokens.issue(60)
    clock.now += 59.9
    assert tokens.is_good(token)
    clock.now += 0.2
    assert not tokens.is_good(token)


def test_a_token_of_another_instance_is_not_good() -> None:
    clock = Clock()
    assert not Tokens(clock).is_good(Tokens(clock).issue(60))


def test_no_two_tokens_are_the_same() -> None:
    tokens = Tokens(Clock())
    assert tokens.issue(60) != tokens.issue(60)


@pytest.mark.parametrize("change", ["", "x", "é", "=", "AAAA", "longer"], ids=repr)
def test_what_we_did_not_give_is_not_good(change: str) -> None:
    clock = Clock()
    tokens = Tokens(clock)
    token = tokens.issue(60)
    raw = bytearray(base64.urlsafe_b64decode(token))
    raw[0] ^= 1  # a later expiry
    forged = base64.urlsafe_b64encode(raw).decode()
    assert not tokens.is_good(forged)
    assert not tokens.is_good(token + change if change == "longer" else change)
