"""A log is followed line by line as it grows, whatever happens to its file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infrastructure.cli import logs
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


@pytest.mark.parametrize(
    ("content", "lines", "shown"),
    [("one\ntwo\nthr", 1, ["two"]), ("one\ntwo\n", 9, ["one", "two"]), ("one\n\n", 2, ["one", ""]), ("one", 5, [])],
    ids=["in-the-middle-of-a-line", "fewer-than-asked-for", "an-empty-one", "none-that-is-whole"],
)
def test_the_end_of_a_log_and_what_follows_make_up_the_log(
    content: str, lines: int, shown: list[str], log: Path
) -> None:
    log.write_text(content, encoding="utf-8")
    growing, last = GrowingFile.at_end(log, lines)
    with log.open("a", encoding="utf-8") as file:
        file.write("ee\nfour\n")
    assert list(last) == shown
    begun = content.rpartition("\n")[2]
    assert list(growing.new_lines()) == [f"{begun}ee", "four"]


def test_the_end_of_a_long_log_is_read_from_near_its_end(log: Path) -> None:
    log.write_text("".join(f"line {number}\n" for number in range(20_000)), encoding="utf-8")
    growing, last = GrowingFile.at_end(log, 2)
    assert last == ("line 19998", "line 19999")
    assert growing.offset == log.stat().st_size


def test_a_line_written_while_the_end_is_shown_is_shown_once(
    log: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log.write_text("one\n", encoding="utf-8")
    looks: list[str] = []

    def and_then_written_to(look: Callable[..., Any]) -> Callable[..., Any]:
        def looked(path: Path, *given: Any, **named: Any) -> Any:
            found = look(path, *given, **named)
            looks.append(path.name)
            if looks == [log.name]:
                with log.open("a", encoding="utf-8") as file:
                    file.write("two\n")
            return found

        return looked

    for name in ("stat", "open"):
        monkeypatch.setattr(Path, name, and_then_written_to(getattr(Path, name)))
    followed = logs._show_end(log, 5)
    logs._print("order", followed.new_lines())
    assert capsys.readouterr().out.splitlines() == ["order | one", "order | two"]


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
