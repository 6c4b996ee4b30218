import gc
from collections.abc import Iterator

import pytest

from infrastructure.embedded.host import garbage
from infrastructure.embedded.host.garbage import EVERY_S, QUIET_PER_S, Collector


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def restored() -> Iterator[None]:
    thresholds, callbacks = gc.get_threshold(), list(gc.callbacks)
    yield
    gc.set_threshold(*thresholds)
    gc.callbacks[:] = callbacks
    gc.unfreeze()


@pytest.mark.parametrize(
    ("calls_per_s", "seconds", "collections"),
    [
        pytest.param(0.0, EVERY_S, 1, id="quiet for long enough"),
        pytest.param(QUIET_PER_S / 2, EVERY_S, 1, id="only the platform calls"),
        pytest.param(0.0, EVERY_S - 1, 0, id="collected a moment ago"),
        pytest.param(QUIET_PER_S * 4, EVERY_S * 10, 0, id="under load"),
    ],
)
def test_the_oldest_garbage_is_collected_in_quiet_moments_only(
    calls_per_s: float, seconds: float, collections: int
) -> None:
    clock, collected, calls = Clock(), [], [0]
    collector = Collector(lambda: calls[0], clock, lambda: collected.append(clock.now))
    for _ in range(int(seconds)):
        calls[0] += int(calls_per_s)
        clock.now += 1.0
        collector.tick()
    assert len(collected) == collections


def test_a_load_that_ends_is_followed_by_one_collection() -> None:
    clock, collected, calls = Clock(), [], [0]
    collector = Collector(lambda: calls[0], clock, lambda: collected.append(clock.now))
    for second in range(30):
        calls[0] += 200 if second < 25 else 0
        clock.now += 1.0
        collector.tick()
    assert collected == [126.0]


def test_what_is_recorded_causes_no_full_collection(restored: None) -> None:
    garbage.tame()
    before = gc.get_stats()[2]["collections"]
    records = [{"order": number} for number in range(300_000)]
    assert len(records) == 300_000
    assert gc.get_stats()[2]["collections"] == before
