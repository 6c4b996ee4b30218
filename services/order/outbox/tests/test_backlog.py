from services.order.outbox.backlog import Backlog
from services.order.outbox.table import SHARDS, OutboxPage, Row
from services.order.tests.samples import row

ALL = frozenset(SHARDS)


def show(backlog: Backlog, *rows: Row, is_last: bool = True) -> None:
    """Let every shard of `rows` be read, and be found to hold just these."""
    for shard in {each.shard for each in rows}:
        page = tuple(each for each in rows if each.shard == shard)
        backlog.swept(shard, OutboxPage(rows=page, is_last=is_last), backlog.known(shard))


def test_nothing_is_due_before_a_page_has_shown_it() -> None:
    backlog = Backlog()
    assert set(backlog.unswept(ALL)) == ALL
    backlog.add(row(1))
    assert backlog.due(ALL, 10) == ()
    show(backlog, row(1))
    assert backlog.due(ALL, 10) == (row(1),)
    assert row(1).shard not in backlog.unswept(ALL)


def test_a_row_is_not_overtaken_by_a_younger_one_that_was_told_first() -> None:
    backlog = Backlog()
    backlog.add(row(2))
    show(backlog, row(1), row(2))
    assert backlog.due(ALL, 10) == (row(1),)


def test_a_row_told_while_the_table_was_read_waits_for_the_next_page() -> None:
    backlog = Backlog()
    known = backlog.known(row(2).shard)
    backlog.add(row(2))
    backlog.swept(row(2).shard, OutboxPage(rows=(row(1),), is_last=True), known)
    assert backlog.due(ALL, 10) == (row(1),)
    assert row(2).shard in backlog.unswept(ALL)
    backlog.done([row(1)])
    assert backlog.due(ALL, 10) == ()


def test_a_row_that_the_table_no_longer_has_was_handed_on_by_somebody_else() -> None:
    backlog = Backlog()
    backlog.add(row(1))
    show(backlog, row(2))
    assert backlog.due(ALL, 10) == (row(2),)
    assert len(backlog) == 1


def test_a_shard_with_more_pages_is_read_on() -> None:
    backlog = Backlog()
    show(backlog, row(1), is_last=False)
    assert row(1).shard in backlog.unswept(ALL)


def test_a_shard_taken_over_is_trusted_only_once_it_was_read_again() -> None:
    backlog = Backlog()
    show(backlog, row(2))
    backlog.forget(row(2).shard)
    assert backlog.due(ALL, 10) == ()
    show(backlog, row(1), row(2))
    assert backlog.due(ALL, 10) == (row(1),)


def test_the_oldest_row_of_each_customer_is_due() -> None:
    backlog = Backlog()
    show(backlog, row(1), row(2, "customer-0002"), row(3), row(4, "customer-0002"))
    assert backlog.due(ALL, 10) == (row(1), row(2, "customer-0002"))
    assert backlog.due(ALL, 1) == (row(1),)


def test_a_row_that_comes_twice_is_held_once_and_not_again_once_done() -> None:
    backlog = Backlog()
    backlog.add(row(1))
    backlog.add(row(1))
    assert len(backlog) == 1
    backlog.done([row(1)])
    backlog.add(row(1))
    show(backlog, row(1))
    assert len(backlog) == 0
    assert not backlog.holds(ALL)


def test_what_does_not_fit_is_left_to_the_sweep() -> None:
    backlog = Backlog(limit=1)
    for number in (1, 2, 3):
        backlog.add(row(number))
    assert len(backlog) == 1
    assert row(1).shard in backlog.unswept(ALL)


def test_each_channel_takes_a_row_once() -> None:
    backlog = Backlog()
    show(backlog, row(1))
    rows = backlog.due(ALL, 10)
    backlog.taken([row(1).order_id], 0)
    assert backlog.wanting(rows, 0) == ()
    assert backlog.wanting(rows, 1) == rows
    assert backlog.handed_on(rows, 2) == ()
    backlog.taken([row(1).order_id], 1)
    assert backlog.handed_on(rows, 2) == rows


def test_what_was_handed_on_holds_up_neither_its_customer_nor_its_shard() -> None:
    backlog = Backlog()
    show(backlog, row(1), row(2))
    first = backlog.due(ALL, 10)
    assert [each.order_id for each in first] == [row(1).order_id]
    backlog.taken([row(1).order_id], 0)
    assert backlog.handed_on(first, 1) == first
    assert [each.order_id for each in backlog.due(ALL, 10)] == [row(2).order_id]
    show(backlog, row(1), row(2))
    assert [each.order_id for each in backlog.due(ALL, 10)] == [row(2).order_id], (
        "it is in the table, and not due again"
    )
    assert (len(backlog), backlog.waiting) == (2, 1)
    backlog.done(first)
    assert len(backlog) == 1
