"""The mailbox against a model that scans a list, and the rules of SQS one by one."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from infrastructure.embedded.apis.sqs.queue import (
    DEDUPLICATION_S,
    Counts,
    Deduplication,
    MailBox,
    ReceiptExpired,
    ReceiptUnknown,
)


@dataclass
class _Naive:
    """A message of the model: a list, scanned for everything."""

    number: int
    group: str
    ready_at: float
    receives: int = 0
    receipt: int = 0
    visible_at: float | None = None


class _Model:
    def __init__(self, *, is_fifo: bool) -> None:
        self.is_fifo = is_fifo
        self.held: list[_Naive] = []
        self.number = 0
        self.receipt = 0

    def settle(self, now: float) -> None:
        for each in self.held:
            if each.visible_at is not None and each.visible_at <= now:
                each.visible_at = None

    def send(self, now: float, group: str, delay: float) -> None:
        self.number += 1
        self.held.append(_Naive(self.number, group if self.is_fifo else "", now + delay))

    def receive(self, now: float, count: int, visibility: float, most: int | None) -> tuple[list[int], list[int]]:
        self.settle(now)
        locked = {each.group for each in self.held if each.visible_at is not None} if self.is_fifo else set()
        given: list[_Naive] = []
        dead: list[_Naive] = []
        for each in list(self.held):
            if len(given) == count:
                break
            if each.visible_at is not None or each.group in locked:
                continue
            if each.ready_at > now:
                locked |= {each.group} if self.is_fifo else set()
                continue
            if most is not None and each.receives >= most:
                self.held.remove(each)
                dead.append(each)
                continue
            self.receipt += 1
            each.receives, each.receipt, each.visible_at = each.receives + 1, self.receipt, now + visibility
            given.append(each)
        return [each.number for each in given], [each.number for each in dead]

    def delete(self, now: float, number: int, receipt: int) -> str:
        self.settle(now)
        for each in self.held:
            if each.number == number:
                if self.is_fifo and (each.visible_at is None or each.receipt != receipt):
                    return "expired"
                self.held.remove(each)
        return "deleted"

    def set_visibility(self, now: float, number: int, receipt: int, seconds: float) -> bool:
        self.settle(now)
        for each in self.held:
            if each.number == number and each.visible_at is not None and each.receipt == receipt:
                each.visible_at = now + seconds
                return True
        return False

    def counts(self, now: float) -> Counts:
        self.settle(now)
        flying = sum(each.visible_at is not None for each in self.held)
        delayed = sum(each.ready_at > now for each in self.held)
        return Counts(len(self.held) - flying - delayed, flying, delayed)


_TIMES = st.sampled_from([0.0, 0.5, 1.0, 5.0, 30.0])
_SOME_TIME = st.sampled_from([1.0, 5.0, 30.0])


class _Compared(RuleBasedStateMachine):
    is_fifo = True

    def __init__(self) -> None:
        super().__init__()
        self.box: MailBox[str] = MailBox(is_fifo=self.is_fifo)
        self.model = _Model(is_fifo=self.is_fifo)
        self.now = 1000.0
        self.receipts: list[tuple[int, int]] = []

    @rule(seconds=_TIMES)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(group=st.sampled_from("abc"), delay=st.sampled_from([0.0, 0.0, 5.0]))
    def send(self, group: str, delay: float) -> None:
        self.box.send("body", now=self.now, group=group, delay=delay)
        self.model.send(self.now, group, delay)

    @rule(count=st.integers(1, 4), visibility=_SOME_TIME, most=st.sampled_from([None, 1, 2]))
    def receive(self, count: int, visibility: float, most: int | None) -> None:
        given, dead = self.box.receive(now=self.now, count=count, visibility=visibility, max_receives=most)
        assert self.model.receive(self.now, count, visibility, most) == (
            [each.number for each in given],
            [each.number for each in dead],
        )
        self.receipts += [(each.number, each.receipt) for each in given]

    @rule(data=st.data())
    def delete(self, data: Any) -> None:
        if not self.receipts:
            return
        number, receipt = data.draw(st.sampled_from(self.receipts))
        try:
            self.box.delete(number, receipt, now=self.now)
            outcome = "deleted"
        except ReceiptExpired:
            outcome = "expired"
        assert self.model.delete(self.now, number, receipt) == outcome

    @rule(data=st.data(), seconds=_TIMES)
    def set_visibility(self, data: Any, seconds: float) -> None:
        if not self.receipts:
            return
        number, receipt = data.draw(st.sampled_from(self.receipts))
        assert self.model.set_visibility(self.now, number, receipt, seconds) == self.box.set_visibility(
            number, receipt, now=self.now, seconds=seconds
        )

    @invariant()
    def counts_agree(self) -> None:
        assert self.model.counts(self.now) == self.box.counts(now=self.now)

    @invariant()
    def deliverable_is_what_a_receive_would_give(self) -> None:
        self.model.settle(self.now)
        locked = {each.group for each in self.model.held if each.visible_at is not None} if self.is_fifo else set()
        expected = False
        for each in self.model.held:
            if each.visible_at is None and each.group not in locked:
                if each.ready_at <= self.now:
                    expected = True
                    break
                locked |= {each.group} if self.is_fifo else set()
        assert expected == self.box.is_deliverable(now=self.now)


class _ComparedStandard(_Compared):
    is_fifo = False


_Compared.TestCase.settings = _ComparedStandard.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None
)
TestFifoQueueAgreesWithAModel = _Compared.TestCase
TestStandardQueueAgreesWithAModel = _ComparedStandard.TestCase


def _fifo(*groups: str) -> MailBox[str]:
    box: MailBox[str] = MailBox(is_fifo=True)
    for number, group in enumerate(groups, start=1):
        box.send(f"m{number}", now=0.0, group=group)
    return box


def _bodies(box: MailBox[str], now: float, count: int = 10) -> list[str]:
    return [each.body for each in box.receive(now=now, count=count, visibility=30.0)[0]]


def test_a_group_with_a_message_in_flight_is_not_delivered() -> None:
    box = _fifo("a", "a", "b")
    assert _bodies(box, 1.0, count=1) == ["m1"]
    assert _bodies(box, 2.0) == ["m3"]
    assert _bodies(box, 3.0) == []


def test_messages_of_one_group_come_together_in_the_order_sent() -> None:
    assert _bodies(_fifo("a", "b", "a"), 1.0) == ["m1", "m2", "m3"]


def test_a_message_that_was_not_deleted_comes_again_before_those_behind_it() -> None:
    box = _fifo("a", "a")
    _bodies(box, 1.0, count=1)
    assert _bodies(box, 31.0) == ["m1", "m2"]


def test_a_deletion_unlocks_its_group() -> None:
    box = _fifo("a", "a")
    first = box.receive(now=1.0, count=1, visibility=30.0)[0][0]
    box.delete(first.number, first.receipt, now=2.0)
    assert _bodies(box, 3.0) == ["m2"]


def test_a_fifo_delivery_that_is_over_cannot_delete() -> None:
    box = _fifo("a")
    first = box.receive(now=1.0, count=1, visibility=1.0)[0][0]
    with pytest.raises(ReceiptExpired):
        box.delete(first.number, first.receipt, now=3.0)
    assert len(box) == 1


def test_a_receipt_that_was_never_given_is_unknown() -> None:
    box = _fifo("a")
    with pytest.raises(ReceiptUnknown):
        box.delete(1, 1, now=0.0)


def test_a_message_delivered_too_often_is_dead() -> None:
    box = _fifo("a", "a")
    for now in (1.0, 40.0):
        assert box.receive(now=now, count=1, visibility=30.0, max_receives=2)[1] == []
    delivered, dead = box.receive(now=80.0, count=1, visibility=30.0, max_receives=2)
    assert ([each.body for each in delivered], [each.body for each in dead]) == (["m2"], ["m1"])


def test_expired_messages_go_whatever_their_state() -> None:
    box = _fifo("a", "b")
    _bodies(box, 1.0, count=1)
    assert box.expire(now=100.0, retention=100.0) == 2
    assert box.counts(now=100.0) == Counts(0, 0, 0)


def test_a_purge_leaves_nothing_and_old_receipts_harmless() -> None:
    box = _fifo("a", "a")
    first = box.receive(now=1.0, count=1, visibility=30.0)[0][0]
    box.purge()
    box.delete(first.number, first.receipt, now=2.0)
    assert (len(box), box.counts(now=2.0), box.is_deliverable(now=2.0)) == (0, Counts(0, 0, 0), False)


def test_the_next_change_is_when_a_delay_or_a_delivery_ends() -> None:
    box: MailBox[str] = MailBox(is_fifo=False)
    assert box.next_change_at() is None
    box.send("late", now=0.0, delay=9.0)
    box.send("now", now=0.0)
    box.receive(now=0.0, count=1, visibility=5.0)
    assert box.next_change_at() == 5.0


def test_a_duplicate_is_known_for_five_minutes_and_then_forgotten() -> None:
    seen = Deduplication()
    seen.remember(("", "order-1"), ("id", "1"), now=0.0)
    assert seen.recall(("", "order-1"), now=DEDUPLICATION_S - 0.1) == ("id", "1")
    assert seen.recall(("", "order-1"), now=DEDUPLICATION_S) is None
    assert len(seen) == 0


def test_history_is_not_kept() -> None:
    box: MailBox[int] = MailBox(is_fifo=True)
    for number in range(5_000):
        box.send(number, now=float(number), group=f"g{number}", origin=number - 1.0)
        held = box.receive(now=float(number), count=1, visibility=1.0)[0][0]
        box.delete(held.number, held.receipt, now=float(number))
    assert len(box) == 0
    assert max(len(store) for store in (box._lines, box._heads, box._flights, box._delays, box._moved)) < 10


@pytest.mark.parametrize("is_fifo", [True, False], ids=["fifo", "standard"])
def test_a_delivery_that_is_given_back_was_none(is_fifo: bool) -> None:
    box: MailBox[str] = MailBox(is_fifo=is_fifo)
    for body in "ab":
        box.send(body, now=0.0, group="g")
    given, _ = box.receive(now=1.0, count=2, visibility=30.0, max_receives=1)
    for each in given:
        box.give_back(each.number, each.receipt, now=1.0)
    again, dead = box.receive(now=1.0, count=2, visibility=30.0, max_receives=1)
    assert ([each.body for each in again], dead) == (["a", "b"], [])
    assert [each.receives for each in again] == [1, 1]
