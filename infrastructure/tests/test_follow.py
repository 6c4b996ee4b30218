"""A log is followed line by line as it grows, whatever happens to its file."""

from pathlib import Path

import pytest

from infrastructure.cli.follow import FolderWatch, GrowingFile


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "order.log"


@pytest.mark.parametrize(
    ("writes", "seen"),
    [
        ([b"one\n", b"two\n"], [["one"], ["two"]]),
        ([b"on", b"e\ntw", b"o\n"], [[], ["one"], ["two"]]),
        ([b"caf\xc3", b"\xa9\n"], [[], ["café"]]),
        ([b"", b"\n"], [[], [""]]),
    ],
    ids=["whole-lines", "pieces", "within-a-character", "empty"],
)
def test_lines_appear_when_they_are_whole(writes: list[bytes], seen: list[list[str]], log: Path) -> None:
    growing = GrowingFile(log, 0)
    found = []
    for piece in writes:
        with log.open("ab") as file:
            file.write(piece)
        found.append(list(growing.new_lines()))
    assert found == seen


def test_a_file_begun_anew_is_read_from_its_start(log: Path) -> None:
    log.write_text("a long first line\n", encoding="utf-8")
    growing = GrowingFile(log, 0)
    list(growing.new_lines())
    log.write_text("new\n", encoding="utf-8")
    assert list(growing.new_lines()) == ["new"]


def test_a_file_that_is_gone_has_no_more_lines(log: Path) -> None:
    assert list(GrowingFile(log, 0).new_lines()) == []


def test_the_watch_tells_of_writes_and_new_files_and_ends_with_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    with FolderWatch(folder) as watch:
        (folder / "a.log").write_text("x", encoding="utf-8")
        (folder / "b.log").write_text("y", encoding="utf-8")
        for file in ("a.log", "b.log"):
            (folder / file).unlink()
        folder.rmdir()
        names = list(watch.changed())
    assert list(dict.fromkeys(names)) == ["a.log", "b.log"]


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="ENOENT"), FolderWatch(tmp_path / "none"):
        pass
