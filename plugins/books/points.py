"""Loyalty's ledger worked through again, entry by entry: what each should have been, what each account has then. Pure.

How many points an order earns depends on what the customer has earned before, so a wrong one shows only in sequence.
The rule itself is loyalty's own, `services.loyalty.domain`; that is what it says is for its tests to judge.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from plugins.books.entries import PointsAccount, PointsEntry
from services.loyalty.domain import points_for, tier_of


@dataclass(slots=True)
class Totals:
    """What a customer's entries add up to."""

    balance: int = 0
    earned: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """`wrong` are entries of orders with the points they should have; `totals` by customer."""

    wrong: tuple[tuple[PointsEntry, int], ...]
    totals: Mapping[str, Totals]

    def apart(self, accounts: Iterable[PointsAccount]) -> Iterator[tuple[PointsAccount, Totals]]:
        """The accounts that say something else than their entries."""
        nothing = Totals()
        for account in accounts:
            total = self.totals.get(account.customer_id, nothing)
            if account.balance != total.balance or account.earned != total.earned:
                yield account, total


def replay(entries: Iterable[PointsEntry]) -> Replay:
    """Work through `entries`, which are in the order in which they were written."""
    totals: dict[str, Totals] = {}
    wrong = []
    for entry in entries:
        total = totals.get(entry.customer_id)
        if total is None:
            total = totals[entry.customer_id] = Totals()
        if entry.order_id is not None:
            due = points_for(entry.amount_cents, tier_of(total.earned))
            if entry.points != due:
                wrong.append((entry, due))
            total.earned += entry.points
        total.balance += entry.points
    return Replay(wrong=tuple(wrong), totals=totals)
