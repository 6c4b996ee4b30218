"""Our buckets as a real HDR histogram, for whatever reads one. Built after a run, never while one is recorded."""

import io

from hdrh.histogram import HdrHistogram

from plugins.load.histogram import HIGHEST_US, Histogram, highest_of

SIGNIFICANT_DIGITS = 3


def hdr_histogram(histogram: Histogram) -> HdrHistogram:
    """The same counts, in microseconds."""
    hdr = HdrHistogram(1, HIGHEST_US, SIGNIFICANT_DIGITS)
    for bucket, count in histogram.counts.items():
        hdr.record_value(highest_of(bucket), count)
    return hdr


def to_text(histogram: Histogram) -> str:
    """The percentile distribution in milliseconds, as HdrHistogram's own tools print and plot it (`.hgrm`)."""
    page = io.BytesIO()
    hdr_histogram(histogram).output_percentile_distribution(page, 1000.0)
    return page.getvalue().decode("ascii")


def to_base64(histogram: Histogram) -> str:
    """The histogram compressed and base64 coded: the V2 encoding that HdrHistogram reads in every language."""
    encoded: bytes = hdr_histogram(histogram).encode()
    return encoded.decode("ascii")
