"""The log lines of an offending order, from every process's log."""

import json
from dataclasses import replace
from pathlib import Path

from plugins.books.comparison import compare
from plugins.books.generated import world
from plugins.books.report import BooksReport
from plugins.books.story import with_logs

WORLD = world(10, seed=1, declined=0)
BROKEN = replace(WORLD.books, payments=WORLD.books.payments[2:])
FIRST, SECOND = WORLD.attempts[:2]


def report() -> BooksReport:
    return compare(BROKEN, WORLD.attempts)


def line(second: int, message: str, correlation_id: str = "-", **more: object) -> str:
    """As the chassis writes it."""
    fields = {"at": f"2026-01-01T00:00:{second:02}.000+00:00", "level": "INFO", "logger": "services.order.desk"}
    return json.dumps(
        {**fields, "message": message, "correlation_id": correlation_id, "service": "order", "task": "t", **more},
        separators=(",", ":"),
    )


def write(folder: Path, name: str, *lines: str) -> None:
    (folder / name).write_text("".join(f"{one}\n" for one in lines))


def test_an_order_is_shown_by_the_lines_of_every_process_in_their_order(tmp_path: Path) -> None:
    write(
        tmp_path, "order-1.log",
        line(1, "order accepted", FIRST.correlation_id, order_id=FIRST.order_id),
        line(1, "order accepted", SECOND.correlation_id),
        line(2, "nobody's business"),
    )  # fmt: skip
    write(
        tmp_path, "payment-sandbox-3.log",
        "START RequestId: 1 Version: $LATEST",
        line(4, "capture failed", FIRST.correlation_id, error="connection lost", attempt=2),
        line(3, "asked the card network", order_id=FIRST.order_id),
    )  # fmt: skip
    first, second = with_logs(report(), tmp_path).pages
    assert first.log == (
        f"2026-01-01T00:00:01.000+00:00 order-1: INFO order accepted order_id={FIRST.order_id}",
        f"2026-01-01T00:00:03.000+00:00 payment-sandbox-3: INFO asked the card network order_id={FIRST.order_id}",
        "2026-01-01T00:00:04.000+00:00 payment-sandbox-3: INFO capture failed error=connection lost attempt=2",
    )
    assert second.log == ("2026-01-01T00:00:01.000+00:00 order-1: INFO order accepted",)
    assert f"log       {first.log[0]}" in str(with_logs(report(), tmp_path))


def test_a_line_cut_off_by_a_kill_is_shown_as_it_is(tmp_path: Path) -> None:
    whole = line(1, "order accepted", FIRST.correlation_id, order_id=FIRST.order_id)
    write(tmp_path, "order-1.log", whole[:-5])
    assert with_logs(report(), tmp_path).pages[0].log == (f"order-1: {whole[:-5]}",)


def test_a_line_that_names_two_orders_is_shown_with_both(tmp_path: Path) -> None:
    orders = [{"order_id": FIRST.order_id}, {"order_id": SECOND.order_id}]
    write(tmp_path, "payment-1.log", line(1, "batch", orders=orders))
    assert all(page.log for page in with_logs(report(), tmp_path).pages)


def test_an_order_with_very_many_lines_is_shown_by_the_first_of_them(tmp_path: Path) -> None:
    write(tmp_path, "order-1.log", *(line(1, f"retry {n:03}", FIRST.correlation_id) for n in range(47)))
    log = with_logs(report(), tmp_path).pages[0].log
    assert (len(log), log[-1]) == (41, "and 7 more lines")


def test_a_log_that_cannot_be_read_takes_nothing_from_what_the_books_found(tmp_path: Path) -> None:
    write(tmp_path, "order-1.log", line(1, "order accepted", FIRST.correlation_id))
    (tmp_path / "payment-1.log").symlink_to(tmp_path / "gone")
    found = with_logs(report(), tmp_path)
    assert (found.verdict, found.discrepancies) == (report().verdict, report().discrepancies)
    assert found.pages[0].log == ("2026-01-01T00:00:01.000+00:00 order-1: INFO order accepted",)
    assert found.notes[-1] == "the log payment-1.log could not be read: No such file or directory"


def test_without_logs_on_this_machine_the_report_stays_as_it_is(tmp_path: Path) -> None:
    assert with_logs(report(), tmp_path / "nowhere") == report()
    balanced = compare(WORLD.books, WORLD.attempts)
    assert with_logs(balanced, tmp_path) == balanced
