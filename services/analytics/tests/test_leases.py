from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.analytics.leases import SHARD_END, Lease, Observer, obsolete, to_take


def table(owners: Mapping[str, str | None]) -> dict[str, Lease]:
    return {shard: Lease(shard=shard, owner=owner) for shard, owner in owners.items()}


@pytest.mark.parametrize(
    ("owners", "expired", "reading", "taken"),
    [
        pytest.param({"a": None, "b": None}, "", "", "ab", id="alone: all there are"),
        pytest.param({"a": None, "b": None, "c": "you"}, "", "", "ab", id="an even share of three is two"),
        pytest.param({"a": "you", "b": "you"}, "b", "", "b", id="what has expired"),
        pytest.param({"a": "you", "b": "you"}, "ab", "", "ab", id="the other is dead"),
        pytest.param({"a": "you", "b": "you"}, "", "", "a", id="stolen, to be even"),
        pytest.param({"a": "you", "b": "me"}, "", "b", "", id="even already"),
        pytest.param({"a": "you", "b": "you", "c": "me"}, "", "c", "", id="stealing would only turn it round"),
        pytest.param({"a": "you", "b": None, "c": "me"}, "", "c", "b", id="free beyond an even share, up to it"),
        pytest.param({"a": "me"}, "", "", "a", id="mine from another life"),
        pytest.param({"a": "me"}, "a", "a", "", id="mine and read, though the observer saw no beat of it"),
        pytest.param({}, "", "", "", id="nothing"),
    ],
)
def test_what_is_taken(owners: Mapping[str, str | None], expired: str, reading: str, taken: str) -> None:
    found = to_take("me", table(owners), frozenset(expired), frozenset(reading))
    assert "".join(lease.shard for lease in found) == taken


def test_children_wait_for_all_of_their_parents() -> None:
    leases = {
        "old": Lease(shard="old", owner="you", checkpoint=SHARD_END),
        "slow": Lease(shard="slow", owner="you"),
        "merged": Lease(shard="merged", parents=frozenset({"old", "slow"})),
        "child": Lease(shard="child", parents=frozenset({"old"})),
        "orphan": Lease(shard="orphan", parents=frozenset({"left the stream"})),
    }
    assert {each.shard for each in to_take("me", leases, frozenset(), frozenset())} == {"child", "orphan"}


@given(st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.sampled_from([None, "x", "y", "z"]), max_size=9))
def test_all_workers_together_come_to_even_shares(owners: dict[str, str | None]) -> None:
    leases, workers = table(owners), ("x", "y", "z")
    for _ in range(12):
        for me in workers:
            reading = frozenset(shard for shard, lease in leases.items() if lease.owner == me)
            for lease in to_take(me, leases, frozenset(), reading):
                leases[lease.shard] = Lease(shard=lease.shard, owner=me)
    counts = [sum(lease.owner == me for lease in leases.values()) for me in workers]
    assert sum(counts) == len(leases)
    assert max(counts) - min(counts) <= 1


def test_a_counter_that_stands_still_for_a_lease_time_has_expired() -> None:
    now = 100.0
    observer = Observer(lambda: now, lease_s=3.0)
    assert observer.expired([Lease(shard="a", counter=7), Lease(shard="b", counter=7)]) == frozenset()
    now = 102.9
    assert observer.expired([Lease(shard="a", counter=7), Lease(shard="b", counter=8)]) == frozenset()
    now = 103.0
    assert observer.expired([Lease(shard="a", counter=7), Lease(shard="b", counter=8)]) == {"a"}
    now = 105.8
    assert observer.expired([Lease(shard="a", counter=9), Lease(shard="b", counter=8)]) == frozenset()


def test_leases_of_shards_that_are_read_and_gone_are_obsolete() -> None:
    done, gone = Lease(shard="done", checkpoint=SHARD_END), Lease(shard="gone", checkpoint=SHARD_END)
    unread = Lease(shard="unread")
    assert obsolete({each.shard: each for each in (done, gone, unread)}, ["done"]) == (gone,)
