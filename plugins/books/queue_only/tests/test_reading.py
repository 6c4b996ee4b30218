"""Reading the books from a platform, waiting for it to settle, and what a crash leaves behind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.errors import EnvironmentFault
from plugins.books.history import of_line, read_history, to_line
from plugins.books.queue_only import reconcile as module
from plugins.books.queue_only.payments import read_payments
from plugins.books.queue_only.readers import read_events, read_orders, read_outbox
from plugins.books.queue_only.reconcile import settle
from plugins.books.queue_only.tests.platform import (
    MotoPlatform,
    attempt,
    event,
    history_file,
    moto_platform,
    order_id,
    row,
)
from plugins.books.reconcile import reconcile
from plugins.slo import Verdict

PLACED = tuple(attempt(number, customers=3) for number in range(25))


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[MotoPlatform]:
    with moto_platform(tmp_path / "state") as platform:
        yield platform


def test_a_platform_that_did_everything_right_balances(platform: MotoPlatform, tmp_path: Path) -> None:
    for one in PLACED:
        platform.place(one)
    platform.put_relay_rows()
    report = reconcile(platform, history_file(tmp_path, PLACED), exclusive=True)
    assert report.verdict is Verdict.PASS, str(report)


def test_every_book_reads_back_what_was_written(platform: MotoPlatform) -> None:
    for one in PLACED:
        platform.place(one)
    platform.put_outbox(PLACED[0])
    platform.put_relay_rows()
    assert set(read_orders(platform)) == {row(one) for one in PLACED}
    assert set(read_events(platform)) == {event(one) for one in PLACED}
    assert [waiting.order_id for waiting in read_outbox(platform)] == [order_id(PLACED[0])]


def test_what_was_taken_from_the_queue_once_is_known_for_ever(platform: MotoPlatform, tmp_path: Path) -> None:
    ledger = tmp_path / "books" / "payments.jsonl"
    for one in PLACED[:15]:
        platform.send(one)
    first = read_payments(platform, ledger)
    for one in PLACED[15:]:
        platform.send(one)
    assert [m.order_id for m in read_payments(platform, ledger)] == [order_id(one) for one in PLACED]
    assert read_payments(platform, ledger)[:15] == first


def test_a_second_reconciliation_of_the_same_platform_says_the_same(platform: MotoPlatform, tmp_path: Path) -> None:
    for one in PLACED:
        platform.place(one)
    history = history_file(tmp_path, PLACED)
    assert str(reconcile(platform, history)) == str(reconcile(platform, history))


def test_a_message_seen_twice_is_one_message_and_a_torn_line_comes_again(
    platform: MotoPlatform, tmp_path: Path
) -> None:
    """A reader died after writing a batch and before deleting it, in the middle of its last line."""
    ledger = tmp_path / "payments.jsonl"
    for one in PLACED[:5]:
        platform.send(one)
    read_payments(platform, ledger)
    whole = ledger.read_text()
    ledger.write_text(whole + whole.splitlines()[0] + "\n" + '{"message_id": "torn')
    platform.send(PLACED[5])
    assert [m.order_id for m in read_payments(platform, ledger)] == [order_id(one) for one in PLACED[:6]]


def test_messages_that_nobody_is_given_are_a_fault_of_the_environment(platform: MotoPlatform, tmp_path: Path) -> None:
    platform.send(PLACED[0])
    sqs = platform.client("sqs")
    sqs.set_queue_attributes(QueueUrl=platform.queue_url, Attributes={"VisibilityTimeout": "600"})
    sqs.receive_message(QueueUrl=platform.queue_url)
    with pytest.raises(EnvironmentFault, match="hands out none of them"):
        read_payments(platform, tmp_path / "payments.jsonl", deadline_s=0.0)


def test_settling_waits_until_the_outbox_is_empty(platform: MotoPlatform) -> None:
    platform.put_outbox(PLACED[0])
    time = [0.0]

    def relay(seconds: float) -> None:
        time[0] += seconds
        if time[0] > 1:
            key = {"shard": {"S": "s0"}, "sequence": {"S": order_id(PLACED[0])}}
            platform.client("dynamodb").delete_item(TableName="outbox-test", Key=key)

    assert settle(platform, 30.0, clock=lambda: time[0], sleep=relay)
    assert 1 < time[0] < 2


def test_settling_gives_up_and_the_order_left_in_the_outbox_is_reported(platform: MotoPlatform, tmp_path: Path) -> None:
    for one in PLACED:
        platform.place(one)
    platform.put_outbox(PLACED[3])
    report = reconcile(platform, history_file(tmp_path, PLACED), patience_s=0.0)
    assert [(found.kind, found.order_id) for found in report.discrepancies] == [("never relayed", PLACED[3].order_id)]


def test_a_checker_that_crashes_is_inconclusive_and_says_why(
    platform: MotoPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(_platform: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(module, "_read", crash)
    report = reconcile(platform, history_file(tmp_path, PLACED))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons == ("books: the books could not be read: ZeroDivisionError: a bug of ours",)


@pytest.mark.parametrize("outcome", ["acknowledged", "refused", "unknown"])
def test_an_attempt_survives_its_way_through_the_file(outcome: str) -> None:
    one = attempt(7, outcome=outcome)  # type: ignore[arg-type]  # a table of literals
    assert of_line(to_line(one)) == one


def test_a_torn_last_line_of_a_history_is_left_out_and_a_bad_one_before_it_is_named(tmp_path: Path) -> None:
    path = history_file(tmp_path, PLACED)
    whole = path.read_text()
    path.write_text(whole + '{"outcome": "ackn')
    assert read_history(path) == PLACED
    path.write_text("nonsense\n" + whole)
    with pytest.raises(ValueError, match=r"history\.jsonl:1: "):
        read_history(path)
