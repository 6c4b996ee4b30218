"""Recorded cheaply, read exactly enough."""

import math
import random

from hdrh.histogram import HdrHistogram
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.load.hdr import hdr_histogram, to_base64, to_text
from plugins.load.histogram import HIGHEST_US, Histogram, bucket_of, highest_of

latencies = st.lists(st.integers(0, 60_000_000), min_size=1, max_size=300)


def histogram(values: list[int]) -> Histogram:
    counts: dict[int, int] = {}
    for value in values:
        counts[bucket_of(value)] = counts.get(bucket_of(value), 0) + 1
    return Histogram(counts=counts, sum_us=sum(values), max_us=max(values, default=0))


@settings(deadline=None)  # a busy machine is no defect
@given(values=latencies, quantile=st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_a_percentile_is_within_one_percent_above_the_exact_one(values: list[int], quantile: float) -> None:
    exact = sorted(values)[max(math.ceil(quantile * len(values) - 1e-9), 1) - 1]
    found = histogram(values).percentile(quantile)
    assert found is not None
    assert exact <= found <= exact * 1.01


@settings(deadline=None)  # a busy machine is no defect
@given(values=latencies)
def test_mean_and_maximum_are_exact(values: list[int]) -> None:
    found = histogram(values)
    assert found.mean_us == sum(values) / len(values)
    assert found.max_us == max(values)


@settings(deadline=None)  # a busy machine is no defect
@given(value=st.integers(0, HIGHEST_US))
def test_a_bucket_is_the_one_hdr_histogram_uses(value: int) -> None:
    hdr = HdrHistogram(1, HIGHEST_US, 3)
    assert bucket_of(value) == hdr._counts_index_for(value)
    assert highest_of(bucket_of(value)) == hdr.get_highest_equivalent_value(value)


@settings(deadline=None)  # a busy machine is no defect
@given(first=latencies, second=latencies)
def test_merged_histograms_are_the_histogram_of_all_values(first: list[int], second: list[int]) -> None:
    assert Histogram.merged((histogram(first), histogram(second))) == histogram(first + second)


def test_nothing_recorded_has_no_percentile_and_no_mean() -> None:
    empty = Histogram()
    assert empty.percentile(0.99) is None
    assert empty.mean_us is None


def test_longer_than_an_hour_counts_as_an_hour() -> None:
    assert bucket_of(10 * HIGHEST_US) == bucket_of(HIGHEST_US)


def test_the_hdr_histogram_agrees_with_ours() -> None:
    draw = random.Random(5)  # noqa: S311 - repeatable, no secret
    ours = histogram([round(draw.lognormvariate(9, 1)) for _ in range(5_000)])
    theirs = hdr_histogram(ours)
    assert theirs.get_total_count() == 5_000
    # Theirs rounds the rank to the nearest, ours up; both must name the same value to their common resolution.
    assert (
        abs(theirs.get_value_at_percentile(99) - (ours.percentile(0.99) or 0))
        <= theirs.get_value_at_percentile(99) / 50
    )


def test_the_text_export_lists_percentiles_in_milliseconds() -> None:
    text = to_text(histogram([1_000, 2_000, 250_000]))
    assert "Percentile" in text
    assert "250.1" in text  # the top of its bucket: 250.111 ms
    assert "TotalCount     =        3" in text


def test_the_base64_export_is_read_back_by_the_package() -> None:
    decoded = HdrHistogram.decode(to_base64(histogram([1_000] * 7)))
    assert decoded.get_total_count() == 7
