"""Reading the books from a platform, waiting for it to settle, and what a crash leaves behind."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from plugins.books import reconcile as module
from plugins.books.entries import Books, DeadLetter, OrderRow, OutboxRow
from plugins.books.generated import order_id, world
from plugins.books.ledger import read_ledger
from plugins.books.queues import DeadLetters, queue_state, read_dead_letters
from plugins.books.readers import read_events, read_orders, read_outbox, read_payments
from plugins.books.reconcile import reconcile
from plugins.books.revenue import read_arrivals, read_revenue
from plugins.books.settling import settle
from plugins.books.tests.database import Database, database
from plugins.books.tests.platform import MotoPlatform, history_file, moto_platform
from plugins.slo import Verdict

WORLD = world(15, seed=3, declined=0.2)
BOOKS = WORLD.books
EMPTY = Books()
QUEUE, DEAD = "PaymentQueueUrl", "PaymentDeadLetterQueueUrl"
POINTS, DEAD_POINTS = "AccrualQueueUrl", "AccrualDeadLetterQueueUrl"


@pytest.fixture(scope="module")
def server() -> Iterator[Database]:
    with database() as running:
        yield running


@pytest.fixture
def platform(tmp_path: Path, server: Database) -> Iterator[MotoPlatform]:
    server.clear()
    with moto_platform(tmp_path / "state", server) as platform:
        yield platform


def test_a_platform_that_did_everything_right_balances(platform: MotoPlatform, tmp_path: Path) -> None:
    platform.hold(BOOKS)
    platform.put("outbox-test", {"shard": "relay", "sequence": "lease#s0", "holder": "task-1"})
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts), exclusive=True)
    assert report.verdict is Verdict.PASS, str(report)
    assert report.counts["captured"] == report.counts["ledger"] == len(BOOKS.captures)


def test_every_book_reads_back_what_was_written(platform: MotoPlatform) -> None:
    waiting = OutboxRow(order_id="order-1", sequence="order-1")
    platform.hold(replace(BOOKS, outbox=(waiting,)))
    ledger = read_ledger(platform)
    assert set(read_orders(platform)) == set(BOOKS.orders)
    assert set(read_payments(platform)) == set(BOOKS.payments)
    assert set(read_events(platform)) == set(BOOKS.events)
    assert read_outbox(platform) == (waiting,)
    assert read_revenue(platform) == BOOKS.revenue, "over several pages"
    assert (set(ledger.captures), set(ledger.entries)) == (set(BOOKS.captures), set(BOOKS.entries))
    assert (ledger.points, set(ledger.accounts)) == (BOOKS.points, set(BOOKS.accounts)), "points in their order"
    assert (set(ledger.stock), set(ledger.levels)) == (set(BOOKS.stock), set(BOOKS.levels))


def test_a_ledger_that_no_payment_ever_reached_is_empty_and_noted_as_such(
    platform: MotoPlatform, tmp_path: Path
) -> None:
    assert platform.database is not None
    platform.database.clear(schema=False)
    assert read_ledger(platform).missing == ("payment's", "loyalty's", "inventory's")
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert {
        "payment's ledger has no tables: the service never reached it",
        "loyalty's ledger has no tables: the service never reached it",
        "inventory's ledger has no tables: the service never reached it",
    } <= set(report.notes)


def test_reading_the_ledger_changes_nothing(platform: MotoPlatform) -> None:
    """The session is read-only, whatever the statements are."""
    platform.hold(BOOKS)
    assert platform.database is not None
    read_ledger(platform)
    with platform.database.connect() as connection:
        rows = connection.execute("SELECT count(*) FROM payment.captures").fetchone()
    assert rows == (len(BOOKS.captures),)


def test_a_password_that_is_no_longer_right_makes_the_books_inconclusive(
    platform: MotoPlatform, tmp_path: Path
) -> None:
    secret = json.dumps({"username": "cafe", "password": "another"})
    platform.client("secretsmanager").put_secret_value(SecretId=platform.output("AuroraSecretArn"), SecretString=secret)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        read_ledger(platform)
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.lost == 0


def test_dead_letters_are_seen_and_left_in_their_order(platform: MotoPlatform) -> None:
    platform.send(DEAD, "not json", group="c-1", reason="malformed: no JSON")
    for number in range(3):
        body = json.dumps({"order_id": f"o-{number}", "correlation_id": f"k-{number}"})
        platform.send(DEAD, body, group="c-2")
    platform.send(DEAD, "[]", group="c-3")
    first = read_dead_letters(platform)
    assert [(letter.order_id, letter.correlation_id, letter.reason) for letter in first.letters] == [
        (None, None, "malformed: no JSON"), ("o-0", "k-0", None), ("o-1", "k-1", None), ("o-2", "k-2", None),
        (None, None, None),
    ]  # fmt: skip
    again = read_dead_letters(platform)
    assert [replace(letter, receives=1) for letter in again.letters] == list(first.letters)
    assert queue_state(platform, platform.output(DEAD)).waiting == 5


def test_an_order_whose_message_was_received_too_often_unprocessed_is_named_and_fails_the_books(
    platform: MotoPlatform, tmp_path: Path
) -> None:
    """As the pollers of a throttled function bring about: nobody gave a reason, nobody was charged."""
    victim = next(row for row in BOOKS.orders if row.status == "paid")
    platform.hold(_never_paid(BOOKS, victim))
    platform.send(DEAD, json.dumps({"order_id": victim.order_id}), group=victim.customer_id)
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert report.verdict is Verdict.FAIL
    assert {(wrong.kind, wrong.order_id) for wrong in report.discrepancies} >= {
        ("dead-lettered silently", victim.order_id),
        ("never paid", victim.order_id),
    }


def _never_paid(books: Books, victim: OrderRow) -> Books:
    """The books as they are when payment never saw the victim's message."""
    waiting = tuple(replace(row, status="accepted") if row == victim else row for row in books.orders)
    return replace(
        books,
        orders=waiting,
        payments=tuple(each for each in books.payments if each.order_id != victim.order_id),
        captures=tuple(each for each in books.captures if each.order_id != victim.order_id),
        entries=tuple(each for each in books.entries if each.order_id != victim.order_id),
        revenue=tuple(each for each in books.revenue if each.order_id != victim.order_id),
        points=tuple(each for each in books.points if each.order_id != victim.order_id),
        events=tuple(each for each in books.events if (each.order_id, each.type) != (victim.order_id, "order_paid")),
    )


def test_a_dead_letter_that_cannot_be_seen_is_a_doubt(platform: MotoPlatform, tmp_path: Path) -> None:
    """A FIFO queue shows ten of a group at most, until those are gone."""
    platform.hold(BOOKS)
    for number in range(11):
        platform.send(DEAD, f"poison {number}", group="c-1", reason="malformed")
    assert read_dead_letters(platform).hidden == 1
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert report.verdict is Verdict.INCONCLUSIVE
    (reason,) = report.reasons
    assert reason.startswith("books: 1 of 11 dead letters could not be seen; empty their queue (aws sqs purge-queue)")


@pytest.mark.parametrize(
    ("before", "verdict"),
    [(11, Verdict.PASS), (10, Verdict.INCONCLUSIVE), (None, Verdict.INCONCLUSIVE)],
    ids=["all were there before", "one came since", "nobody looked"],
)
def test_dead_letters_of_earlier_runs_are_one_line_and_no_doubt(
    before: int | None, verdict: Verdict, platform: MotoPlatform, tmp_path: Path
) -> None:
    """A sabotaged run leaves hundreds on a platform that stays: no later run would ever prove anything."""
    platform.hold(BOOKS)
    strangers = tuple(replace(BOOKS.orders[0], order_id=f"o-{n}", idempotency_key=f"k-{n}") for n in range(100, 111))
    platform.hold(replace(EMPTY, orders=strangers))
    for order in strangers:
        platform.send(DEAD, json.dumps({"order_id": order.order_id}), group="c-1", reason="gave up")
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts), letters_before=before)
    assert report.verdict is verdict
    (note,) = report.notes
    assert note.startswith("dead letters of other runs: 10; empty their queue")


def test_a_letter_of_the_run_that_is_seen_leaves_no_doubt_about_the_hidden_ones() -> None:
    letter = DeadLetter(message_id="m", group="g", order_id="o-1", correlation_id=None, reason="r", receives=1, body="")
    dead = DeadLetters(letters=(letter,), total=6)
    assert [dead.unseen({"o-1"}, before) for before in (5, 4, None)] == [0, 1, 5]
    assert dead.unseen(set(), 5) == 1


def test_what_the_run_did_and_what_the_stores_hold_are_told_apart(platform: MotoPlatform, tmp_path: Path) -> None:
    platform.hold(BOOKS)
    first = str(reconcile(platform, history_file(tmp_path, WORLD.attempts))).splitlines()[0]
    assert first.startswith("books: PASS (this run: acknowledged ")
    assert "; in the stores: orders " in first


def test_looking_at_the_payment_queue_receives_nothing(platform: MotoPlatform, tmp_path: Path) -> None:
    platform.hold(BOOKS)
    platform.send(QUEUE, "{}", group="c-1")
    reconcile(platform, history_file(tmp_path, WORLD.attempts), patience_s=0.0)
    answer = platform.client("sqs").receive_message(
        QueueUrl=platform.output(QUEUE), MessageSystemAttributeNames=["ApproximateReceiveCount"]
    )
    assert [m["Attributes"]["ApproximateReceiveCount"] for m in answer["Messages"]] == ["1"]


class Clock:
    """Time that passes only in `sleep`, half a second each time, in which what is due `at` some time gets done."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at: dict[float, list[object]] = {}

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += 0.5
        for due in sorted(self.at):
            if due <= self.now:
                for act in self.at.pop(due):
                    assert callable(act)
                    act()


def test_settling_waits_until_outbox_and_queue_are_empty_and_nothing_is_in_flight(platform: MotoPlatform) -> None:
    clock, sqs, url = Clock(), platform.client("sqs"), platform.output(QUEUE)
    platform.put_outbox("order-1", "order-1")
    received: list[str] = []

    def relay() -> None:
        platform.client("dynamodb").delete_item(
            TableName="outbox-test", Key={"shard": {"S": "s0"}, "sequence": {"S": "order-1"}}
        )
        platform.send(QUEUE, "{}", group="c-1")

    def receive() -> None:
        received.append(sqs.receive_message(QueueUrl=url)["Messages"][0]["ReceiptHandle"])

    clock.at = {
        5.0: [relay],
        10.0: [receive],
        15.0: [lambda: sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0])],
    }
    left = settle(platform, 30.0, clock=clock, sleep=clock.sleep)
    assert left.total == 0
    assert clock.now == pytest.approx(15, abs=1.5)


def test_settling_waits_for_points_too(platform: MotoPlatform) -> None:
    clock, sqs, url = Clock(), platform.client("sqs"), platform.output(POINTS)
    platform.send(POINTS, "{}", group="c-1")

    def accrue() -> None:
        message = sqs.receive_message(QueueUrl=url)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    clock.at = {7.0: [accrue]}
    assert settle(platform, 30.0, clock=clock, sleep=clock.sleep).total == 0
    assert clock.now == pytest.approx(7, abs=1.5)


def test_settling_waits_until_the_stream_is_read(platform: MotoPlatform) -> None:
    clock = Clock()
    platform.publish(BOOKS.events[0])
    clock.at = {6.0: [platform.read_stream]}
    assert settle(platform, 30.0, clock=clock, sleep=clock.sleep).total == 0
    assert clock.now == pytest.approx(6, abs=1.5)


def test_records_that_nobody_reads_are_counted_and_told(platform: MotoPlatform) -> None:
    clock = Clock()
    platform.hold(BOOKS)
    for event in BOOKS.events[:3]:
        platform.publish(event)
    left = settle(platform, 2.0, clock=clock, sleep=clock.sleep)
    assert left.events == 3
    assert str(left).endswith("stream 3 unread")


def test_a_warehouse_without_the_table_has_no_revenue_and_one_that_fails_makes_the_books_inconclusive(
    platform: MotoPlatform, tmp_path: Path
) -> None:
    platform.warehouse.error = 'ERROR: relation "revenue" does not exist'
    assert read_revenue(platform) == ()
    platform.warehouse.error = "the cluster is paused"
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert "FAILED: the cluster is paused" in str(report)


def test_when_a_row_was_there_is_told_to_the_fraction_of_a_second(platform: MotoPlatform) -> None:
    platform.hold(BOOKS)
    arrivals = read_arrivals(platform)
    assert {one.order_id for one in arrivals} == {row.order_id for row in BOOKS.revenue}
    assert {one.latency_s for one in arrivals} == {1.25}


def test_points_given_up_on_are_seen_with_their_reason(platform: MotoPlatform, tmp_path: Path) -> None:
    victim = BOOKS.points[0].order_id
    platform.hold(replace(BOOKS, points=BOOKS.points[1:]))
    platform.send(DEAD_POINTS, json.dumps({"order_id": victim}), group="c-1", reason="loyalty refuses it with 409: why")
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert ("points missing", victim) in {(found.kind, found.order_id) for found in report.discrepancies}
    assert f"dead letter of {victim}: loyalty refuses it with 409: why" in report.notes


def test_settling_goes_on_as_long_as_it_gets_less(platform: MotoPlatform) -> None:
    clock, sqs, url = Clock(), platform.client("sqs"), platform.output(QUEUE)
    for number in range(5):
        platform.send(QUEUE, str(number), group=f"c-{number}")

    def pay() -> None:
        message = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=1)["Messages"][0]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])

    clock.at = {8.0 * number: [pay] for number in range(1, 5)}
    left = settle(platform, 10.0, clock=clock, sleep=clock.sleep)
    assert (left.payments.waiting, left.payments.in_flight, left.outbox) == (1, 0, 0)
    assert clock.now == pytest.approx(32 + 10, abs=1)


def test_a_message_in_flight_is_waited_for_longer_than_its_visibility(platform: MotoPlatform) -> None:
    clock = Clock()
    platform.send(QUEUE, "{}", group="c-1")
    platform.client("sqs").receive_message(QueueUrl=platform.output(QUEUE))
    assert settle(platform, clock=clock, sleep=clock.sleep).payments.in_flight == 1
    assert clock.now == pytest.approx(60 + 30, abs=1)


def test_what_is_still_under_way_in_the_end_is_judged_as_it_is(platform: MotoPlatform, tmp_path: Path) -> None:
    victim = next(one for one in BOOKS.orders if one.status == "paid")
    platform.hold(BOOKS)
    platform.put_outbox(victim.order_id, victim.order_id)
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts), patience_s=0.0)
    assert [(found.kind, found.order_id) for found in report.discrepancies] == [("never relayed", victim.order_id)]
    (note,) = report.notes
    under_way = (
        "outbox 1, payment queue 0 waiting and 0 in flight, points queue 0 waiting and 0 in flight, stream 0 unread"
    )
    assert note == f"still under way when nothing more happened: {under_way}"


def test_a_second_reconciliation_of_the_same_platform_finds_the_same(platform: MotoPlatform, tmp_path: Path) -> None:
    platform.hold(replace(BOOKS, payments=BOOKS.payments[1:]))
    platform.send(DEAD, json.dumps({"order_id": order_id(WORLD.attempts[0])}), group="c-1", reason="amount differs")
    history = history_file(tmp_path, WORLD.attempts)
    first, second = reconcile(platform, history), reconcile(platform, history)
    assert first.discrepancies == second.discrepancies != ()


def test_a_checker_that_crashes_is_inconclusive_and_reports_why(
    platform: MotoPlatform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug of ours")

    monkeypatch.setattr(module, "compare", crash)
    monkeypatch.setattr(module, "read_books", lambda *_: BOOKS)
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts))
    assert report.verdict is Verdict.INCONCLUSIVE
    assert report.reasons == ("books: the books could not be read: ZeroDivisionError: a bug of ours",)


def test_orders_that_somebody_else_placed_before_are_left_alone(platform: MotoPlatform, tmp_path: Path) -> None:
    """As production calls it: on a platform that has been up for a while."""
    platform.hold(BOOKS)
    report = reconcile(platform, history_file(tmp_path, WORLD.attempts[:-5]))
    assert report.verdict is Verdict.PASS, str(report)


def test_a_torn_line_leaves_no_doubt_where_others_order_too(platform: MotoPlatform, tmp_path: Path) -> None:
    """As production calls it: of a generator that was killed, which is what a run of the kill campaign does."""
    platform.hold(BOOKS)
    history = history_file(tmp_path, WORLD.attempts)
    history.write_text(history.read_text(encoding="utf-8")[:-9], encoding="utf-8")
    report = reconcile(platform, history)
    assert report.verdict is Verdict.PASS, str(report)


@pytest.mark.parametrize(("torn", "verdict"), [(0, Verdict.PASS), (9, Verdict.INCONCLUSIVE)], ids=["whole", "torn"])
def test_an_order_whose_line_is_torn_is_a_doubt_and_not_nobodys(
    platform: MotoPlatform, tmp_path: Path, torn: int, verdict: Verdict
) -> None:
    """The generator was killed as it wrote the line, so whoever was the only one to order may have ordered it."""
    platform.hold(BOOKS)
    history = history_file(tmp_path, WORLD.attempts)
    text = history.read_text(encoding="utf-8")
    history.write_text(text[: len(text) - torn], encoding="utf-8")
    report = reconcile(platform, history, exclusive=True)
    assert report.verdict is verdict, str(report)
    assert report.discrepancies == ()
