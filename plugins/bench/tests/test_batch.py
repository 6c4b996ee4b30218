"""The batch beside Java's: the same results or no figure, and a clear word where there is no Java."""

import json
from pathlib import Path

import pytest

from infrastructure.errors import EnvironmentFault
from plugins.bench.__main__ import measure_all
from plugins.bench.batch import BatchAgainstJava, BatchRuns, Measured, java_of, ratio
from plugins.bench.figure import NotMeasurableHere


def said(checksum: str = "c", seconds: float = 0.5) -> str:
    rounds = [9.0] * 15 + [seconds] * 15
    return json.dumps({"customers": 1_000, "seconds": rounds, "checksum": checksum, "peak_bytes": 7})


def test_the_rate_is_that_of_the_warm_rounds() -> None:
    assert Measured.read(said()) == Measured(rate=2_000.0, checksum="c", peak_bytes=7)


@pytest.mark.parametrize("line", ["", "[]", "{}", '{"customers": 1, "seconds": [], "checksum": "c"}', said(seconds=0)])
def test_what_is_no_result_is_shown(line: str) -> None:
    with pytest.raises(EnvironmentFault, match="printed no result, but"):
        Measured.read(line)


def test_ours_counts_in_multiples_of_javas() -> None:
    assert ratio(Measured.read(said(seconds=0.25)), Measured.read(said())) == 2.0


def test_another_checksum_makes_no_figure() -> None:
    with pytest.raises(EnvironmentFault, match="ours came to c, Java's to d"):
        ratio(Measured.read(said()), Measured.read(said("d")))


def java(folder: Path, release: str) -> dict[str, str]:
    """An environment whose Java says it is of `release`."""
    program = folder / "java"
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{release}\" 2025-04-15' >&2\n")
    program.chmod(0o755)
    return {"PATH": str(folder)}


def test_a_java_is_taken_from_the_path(tmp_path: Path) -> None:
    assert java_of(java(tmp_path, "17.0.15")) == str(tmp_path / "java")


@pytest.mark.parametrize("release", ["11.0.2", "1.8.0_392", "strange"])
def test_an_older_java_is_none(tmp_path: Path, release: str) -> None:
    with pytest.raises(NotMeasurableHere, match="it takes 17 or later"):
        java_of(java(tmp_path, release))


def test_without_java_the_comparison_is_skipped_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert measure_all([BatchAgainstJava(BatchRuns())], 3)
    assert "batch_against_java is skipped: there is no java in PATH: install a JDK" in capsys.readouterr().err
