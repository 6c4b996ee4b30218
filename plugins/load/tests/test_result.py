"""Windows, indicators and series from the lines a generator left."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.load.errors import LoadError
from plugins.load.recorder import FileSink, Recorder
from plugins.load.result import LoadResult
from plugins.load.samples import first_slot, of_line, read_samples, slot_of, to_line

T = 1_700_000_000.0


def recorded(folder: Path, recorder: Recorder) -> LoadResult:
    with FileSink(folder) as sink:
        sink.write(recorder.drain())
    return LoadResult.read(folder)


def answered(recorder: Recorder, at: float, latency_s: float, error: str | None = None) -> None:
    recorder.started("order", at, 0.001)
    recorder.finished("order", at, latency_s, error, 0)


def test_indicators_are_those_of_the_window_alone(tmp_path: Path) -> None:
    recorder = Recorder()
    for n in range(100):
        answered(recorder, T + n / 100, 0.010)
        answered(recorder, T + 1 + n / 100, 1.0, "http 503" if n < 50 else None)
    result = recorded(tmp_path, recorder)
    calm, rough = result.window(T, T + 1).indicators(), result.window(T + 1, T + 2).indicators()
    assert calm["p99"] == pytest.approx(10, rel=0.01)
    assert rough["p50"] == pytest.approx(1000, rel=0.01)
    assert (calm["errors"], rough["errors"]) == (0, 50)
    assert (rough["throughput"], rough["goodput"], rough["offered"]) == (100, 50, 100)


def test_each_percentile_is_its_nearest_rank(tmp_path: Path) -> None:
    """Of a thousand answers: each step of latency ends with the very answer that a percentile is about."""
    recorder = Recorder()
    steps = [(0.001, 500), (0.002, 400), (0.004, 50), (0.008, 40), (0.016, 9), (0.032, 1)]
    for latency_s, count in steps:
        for _ in range(count):
            answered(recorder, T, latency_s)
    indicators = recorded(tmp_path, recorder).window(T, T + 1).indicators()
    found = [indicators[name] for name in ("p50", "p90", "p95", "p99", "p999", "max")]
    assert found == pytest.approx([1, 2, 4, 8, 16, 32], rel=0.01)
    assert indicators["mean"] == pytest.approx(1.996)


def test_one_arrival_has_rates(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.1)
    indicators = recorded(tmp_path, recorder).window(T, T + 2).indicators()
    assert [indicators[name] for name in ("throughput", "goodput", "offered", "dropped")] == [0.5, 0.5, 0.5, 0.0]
    assert (indicators["mean"], indicators["max"]) == (100.0, 100.0), "exactly, whatever the histogram's steps are"


def test_a_window_without_arrivals_knows_nothing(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.1)
    indicators = recorded(tmp_path, recorder).window(T + 10, T + 20).indicators()
    assert set(indicators.values()) == {None}


def test_dropped_and_unanswered_arrivals_are_neither_good_nor_forgotten(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.1)
    recorder.started("order", T, 0.0)
    recorder.dropped("order", T)
    recorder.dropped("order", T)
    window = recorded(tmp_path, recorder).whole()
    assert (window.due, window.samples, window.dropped, window.unanswered) == (4, 1, 2, 1)
    assert window.indicators()["dropped"] == 50


def test_errors_besides_the_clean_ones_are_kept_apart(tmp_path: Path) -> None:
    recorder = Recorder()
    for error in ("http 503", "http 503", "timeout", None):
        answered(recorder, T, 0.1, error)
    window = recorded(tmp_path, recorder).whole()
    assert window.errors == {"http 503": 2, "timeout": 1}
    assert window.errors_besides({503}) == 25
    assert window.indicators()["errors"] == 75


@settings(deadline=None)  # a busy machine is no defect
@given(
    offsets=st.lists(st.floats(0, 30, allow_nan=False), min_size=1, max_size=50),
    cut=st.floats(0, 30, allow_nan=False),
)
def test_two_windows_that_meet_share_no_sample_and_miss_none(offsets: list[float], cut: float) -> None:
    slots = [slot_of(T + offset) for offset in offsets]
    left = [slot for slot in slots if first_slot(T) <= slot < first_slot(T + cut)]
    right = [slot for slot in slots if first_slot(T + cut) <= slot < first_slot(T + 31)]
    assert sorted(left + right) == sorted(slots)


def test_what_comes_late_is_added_to_the_slot_of_its_scheduled_start(tmp_path: Path) -> None:
    recorder = Recorder()
    recorder.started("order", T, 0.0)
    with FileSink(tmp_path) as sink:
        sink.write(recorder.drain())
        recorder.finished("order", T, 5.0, None, 0)
        sink.write(recorder.drain())
    window = LoadResult.read(tmp_path).window(T, T + 0.1)
    assert (window.due, window.samples) == (1, 1)


def test_a_line_survives_its_way_through_the_file(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.25, "timeout")
    recorder.dropped("browse", T + 3)
    result = recorded(tmp_path, recorder)
    assert [of_line(to_line(sample)) for sample in result.samples] == list(result.samples)


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.1)
    recorded(tmp_path, recorder)
    path = tmp_path / "samples.jsonl"
    whole = read_samples(path)
    with path.open("a") as file:
        file.write('{"slot":17000000000,"journ')
    assert read_samples(path) == whole


@pytest.mark.parametrize(
    "line", ["no json", "[]", '{"slot":1}', '{"slot":1,"journey":"order","good":{"sum":1}}'], ids=str
)
def test_a_bad_line_before_the_last_is_an_error_with_its_place(tmp_path: Path, line: str) -> None:
    path = tmp_path / "samples.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(LoadError, match=r"samples\.jsonl:1: "):
        read_samples(path)


def test_a_folder_no_generator_wrote_to_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"samples\.jsonl is missing"):
        LoadResult.read(tmp_path)


def test_series_have_a_point_a_second_and_a_gap_where_nothing_was_answered(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.1)
    recorder.dropped("order", T + 1)
    answered(recorder, T + 2, 0.2)
    series = {one.name: one for one in recorded(tmp_path, recorder).series()}
    assert [at for at, _ in series["p99"].points] == [T, T + 2]
    assert series["dropped"].values == (0, 1, 0)


def test_journeys_can_be_kept_apart(tmp_path: Path) -> None:
    recorder = Recorder()
    answered(recorder, T, 0.1)
    recorder.started("browse", T, 0.0)
    recorder.finished("browse", T, 0.9, "wrong answer", 0)
    result = recorded(tmp_path, recorder)
    assert result.window(T, T + 1, journey="browse").errors == {"wrong answer": 1}
    assert result.window(T, T + 1, journey="order").errors == {}
    assert result.window(T, T + 1).samples == 2
