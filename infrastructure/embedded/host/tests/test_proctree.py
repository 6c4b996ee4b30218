"""Process trees read from /proc."""

import os
import subprocess
import sys

import pytest

from infrastructure.embedded.host import proctree
from infrastructure.embedded.host.logfile import tail
from infrastructure.state import StateFolder


def test_a_process_with_brackets_and_blanks_in_its_name_is_read() -> None:
    code = "from pathlib import Path; Path('/proc/self/comm').write_text('a) (b c'); print(flush=True); input()"
    with subprocess.Popen((sys.executable, "-c", code), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert proctree.parent_of(process.pid) == os.getpid()
        assert proctree.usage_of(process.pid).processes == 1
        process.kill()


def test_children_of_all_threads_count() -> None:
    with subprocess.Popen(("/bin/sleep", "1000")) as child:
        assert child.pid in proctree.children_of(os.getpid())
        child.kill()


@pytest.mark.parametrize("reaped", [False, True], ids=["zombie", "gone"])
def test_the_dead_have_no_start_and_use_nothing(reaped: bool) -> None:
    with subprocess.Popen(("/bin/true",)) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        if reaped:
            process.wait()
        assert proctree.start_ticks(process.pid) is None
        assert proctree.usage_of(process.pid).rss_bytes == 0


def test_a_process_is_found_by_its_whole_entry_only() -> None:
    with subprocess.Popen(("/bin/sleep", "1000"), env={"MARK": "one/two"}) as process:
        assert list(proctree.with_environment("MARK=one/two")) == [process.pid]
        assert list(proctree.with_environment("MARK=one")) == []
        process.kill()


def test_a_process_is_found_as_soon_as_it_was_started() -> None:
    for number in range(50):
        with subprocess.Popen(("/bin/sleep", "1000"), env={"MARK": f"one/{number}"}) as process:
            assert list(proctree.with_environment(f"MARK=one/{number}")) == [process.pid]
            process.kill()


def test_a_process_without_environment_is_nobodys() -> None:
    with subprocess.Popen(("/bin/sleep", "1000"), env={}) as process:
        assert process.pid not in proctree.with_environment("MARK=one")
        process.kill()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", ()),
        (b"one\ntwo\nthree\n", ("two", "three")),
        (b"x" * 200_000 + b"\nlast\n", ("x" * (65536 - 6), "last")),
        (b"\xff\nend", ("\N{REPLACEMENT CHARACTER}", "end")),
    ],
    ids=["empty", "short", "huge", "no-text"],
)
def test_the_end_of_a_log_is_bounded(state: StateFolder, content: bytes, expected: tuple[str, ...]) -> None:
    state.create()
    log = state.logs / "x.log"
    log.write_bytes(content)
    assert tail(log, 2) == expected
    assert tail(state.logs / "none.log") == ()
