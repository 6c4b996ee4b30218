"""The series behind CloudWatch: seconds, then minutes, then nothing; bounded in number and size, and quick to ask."""

import time

import pytest

from infrastructure.embedded.control.metric_store import Bucket, Key, MetricStore

START = 1_800_000_000.0
KEY = Key.of("Cafe/Order", "Latency", {"Service": "order"})


def test_old_seconds_become_minutes_and_then_nothing() -> None:
    store = MetricStore()
    for second in range(120):
        store.bucket(KEY, "Seconds", START + second).add(1.0)
    store.prune(START + 1800 + 120)
    assert len(store) == 2
    assert [b.total for _, b in store.query(KEY, START, START + 120, 60)] == [60.0, 60.0]
    store.prune(START + 3 * 3600 + 120)
    assert (len(store), list(store.metrics())) == (0, [])


def test_seconds_stay_seconds_for_half_an_hour() -> None:
    """Alarms and charts finer than a minute are drawn from them."""
    store = MetricStore()
    for second in range(120):
        store.bucket(KEY, "Seconds", START + second).add(1.0)
        store.prune(START + second)
    store.prune(START + 1800)
    assert [at for at, _ in store.query(KEY, START, START + 120, 1)] == [START + second for second in range(120)]
    store.prune(START + 1801)
    assert len(store.query(KEY, START, START + 120, 1)) == 120, "one second is a minute's now, and stands at its start"
    store.prune(START + 1860)
    assert len(store.query(KEY, START, START + 120, 1)) == 1 + 60


def test_a_minute_is_kept_for_three_hours() -> None:
    store = MetricStore()
    store.bucket(KEY, "Seconds", START).add(1.0)
    store.prune(START + 3 * 3600)
    assert len(store) == 1
    store.prune(START + 3 * 3600 + 1)
    assert len(store) == 0


def test_a_data_point_that_lies_ahead_keeps_none_of_the_others() -> None:
    store, ahead_s = MetricStore(), 7_000.0
    store.bucket(KEY, "None", START + ahead_s).add(1.0)
    for second in range(6_000):
        store.bucket(KEY, "None", START + second).add(1.0)
        store.prune(START + second)
    assert len(store) <= 1800 + 6_000 / 60 + 2
    store.prune(START + ahead_s + 3 * 3600 + 60)
    assert len(store) == 0


def test_the_number_of_series_is_bounded() -> None:
    store = MetricStore()
    for number in range(5_010):
        store.bucket(Key.of("N", f"M{number:04}", {}), "None", START).add(1.0)
    assert [key.name for key in store.metrics()] == [f"M{number:04}" for number in range(10, 5_010)], "the latest stay"


def test_a_bucket_with_countless_values_stays_small_and_nearly_exact() -> None:
    bucket = Bucket()
    for number in range(1, 10_001):
        bucket.add(float(number))
    assert bucket.values is not None
    assert len(bucket.values) <= 600
    assert bucket.statistic("p50") == pytest.approx(5000, rel=0.1)
    assert (bucket.statistic("Maximum"), bucket.statistic("SampleCount")) == (10_000.0, 10_000.0)


def test_a_query_of_minutes_by_the_second_takes_milliseconds() -> None:
    store = MetricStore()
    for number in range(60):
        for second in range(600):
            store.bucket(Key.of("N", f"M{number}", {}), "None", START + second).add(1.0)
    began = time.perf_counter()
    found = store.query(Key.of("N", "M30", {}), START, START + 600, 1)
    assert len(found) == 600
    assert time.perf_counter() - began < 0.1
