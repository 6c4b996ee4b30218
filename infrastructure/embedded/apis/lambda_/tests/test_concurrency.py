"""Who may run: the account's limit, reservations, and who is told of a free slot."""

import pytest

from infrastructure.embedded.apis.lambda_.concurrency import Concurrency

OWN, SHARED = "ReservedFunctionConcurrentInvocationLimitExceeded", "ConcurrentInvocationLimitExceeded"


def test_a_reservation_is_the_functions_limit_and_nobody_elses() -> None:
    concurrency = Concurrency(limit=200)
    concurrency.reserve("payment", 2)
    assert [concurrency.admit("payment") for _ in range(3)] == ["", "", OWN]
    assert (concurrency.free("payment"), concurrency.free("other"), concurrency.unreserved) == (0, 198, 198)


def test_functions_without_a_reservation_share_the_rest() -> None:
    concurrency = Concurrency(limit=3)
    concurrency.reserve("payment", 1)
    assert [concurrency.admit(name) for name in ("a", "b", "a")] == ["", "", SHARED]
    assert concurrency.admit("payment") == ""
    concurrency.leave("b")
    assert concurrency.admit("a") == ""


def test_a_reservation_of_zero_stops_the_function() -> None:
    concurrency = Concurrency()
    concurrency.reserve("payment", 0)
    assert concurrency.admit("payment") == OWN
    concurrency.reserve("payment", None)
    assert concurrency.admit("payment") == ""


@pytest.mark.parametrize(("wanted", "is_allowed"), [(0, True), (700, True), (701, False)])
def test_a_reservation_leaves_a_hundred_to_the_others(wanted: int, is_allowed: bool) -> None:
    concurrency = Concurrency(limit=1000)
    concurrency.reserve("order", 200)
    concurrency.reserve("payment", 5)
    assert concurrency.may_reserve("payment", wanted) is is_allowed


def test_a_lowered_reservation_ends_nothing_and_admits_nothing() -> None:
    concurrency = Concurrency()
    assert [concurrency.admit("payment") for _ in range(3)] == [""] * 3
    concurrency.reserve("payment", 1)
    assert (concurrency.running("payment"), concurrency.free("payment"), concurrency.admit("payment")) == (3, 0, OWN)


def test_watchers_hear_of_every_slot_that_may_be_free() -> None:
    concurrency, heard = Concurrency(), list[str]()
    concurrency.watchers.add(lambda: heard.append("changed"))
    concurrency.admit("payment")
    concurrency.leave("payment")
    concurrency.reserve("payment", 3)
    assert heard == ["changed"] * 2


def test_the_peak_in_all_is_of_one_moment() -> None:
    concurrency = Concurrency()
    for name in ("a", "b"):
        concurrency.admit(name)
        concurrency.leave(name)
    assert (dict(concurrency.peaks()), concurrency.peak()) == ({"a": 1, "b": 1}, 1)
    assert concurrency.peak() == 0
    concurrency.admit("a")
    concurrency.admit("b")
    concurrency.leave("a")
    assert (concurrency.peak(), concurrency.peak()) == (2, 1)


def test_the_peak_is_the_most_since_it_was_last_asked() -> None:
    concurrency = Concurrency()
    for _ in range(3):
        concurrency.admit("payment")
    concurrency.leave("payment")
    assert dict(concurrency.peaks()) == {"payment": 3}
    assert dict(concurrency.peaks()) == {"payment": 2}
    concurrency.leave("payment")
    concurrency.leave("payment")
    assert dict(concurrency.peaks()) == {"payment": 2}
    assert dict(concurrency.peaks()) == {}
