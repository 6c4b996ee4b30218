"""The verdict over the books, with every order that does not add up and what each book holds of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from plugins.slo import Verdict

OUTCOMES = ("acknowledged", "refused", "unknown")
"""The counts that are of the run; all others are of the stores, which hold what every run ordered."""
_LOST = ("order lost", "capture missing", "revenue missing", "stock missing")
_DOUBLED = ("order doubled", "captured twice", "revenue twice", "stock taken twice")
_DISCREPANCIES = 50
"""Discrepancies shown where there are no pages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One thing wrong. `kind` is a short name for counting, `order_id` None where no order is concerned."""

    kind: str
    order_id: str | None
    idempotency_key: str | None
    what: str

    @property
    def name(self) -> str:
        """What a person looks for."""
        return self.order_id or (f"key {self.idempotency_key}" if self.idempotency_key else "no order")

    def __str__(self) -> str:
        return f"{self.name}: {self.what}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The whole story of one order: its discrepancies, (book, entry) of what every book holds, and log lines.

    `ids` are what its log lines are known by: its order id and its correlation ids.
    """

    discrepancies: tuple[Discrepancy, ...]
    ids: frozenset[str] = frozenset()
    entries: tuple[tuple[str, str], ...] = ()
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        wrongs = (f"{wrong.name}: {wrong.kind}: {wrong.what}" for wrong in self.discrepancies)
        entries = (f"    {book:9} {entry}" for book, entry in self.entries)
        return "\n".join((*wrongs, *entries, *(f"    log       {line}" for line in self.log)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksReport:
    """`counts` are entries per book and attempts per outcome; `doubts` are why nothing could be proven.

    `pages` show the first offending orders in full.
    """

    discrepancies: tuple[Discrepancy, ...]
    counts: Mapping[str, int]
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    pages: tuple[Page, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """A discrepancy found is one, whatever else could not be read; nothing acknowledged proves nothing."""
        if self.discrepancies:
            return Verdict.FAIL
        if self.doubts or not self.counts.get("acknowledged"):
            return Verdict.INCONCLUSIVE
        return Verdict.PASS

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the verdict is not PASS: counts by kind, then doubts."""
        kinds: dict[str, int] = {}
        for found in self.discrepancies:
            kinds[found.kind] = kinds.get(found.kind, 0) + 1
        wrong = tuple(f"books: {count} x {kind}" for kind, count in kinds.items())
        doubts = self.doubts
        if not wrong and not doubts and self.verdict is Verdict.INCONCLUSIVE:
            doubts = ("no order was acknowledged, so there is nothing to balance",)
        return wrong + tuple(f"books: {doubt}" for doubt in doubts)

    @property
    def lost(self) -> int:
        """The recovery point objective in orders: gone, not taken from stock, or captured and in no ledger."""
        return self._orders(_LOST)

    @property
    def doubled(self) -> int:
        """Orders that were stored, captured, sold or taken from stock more than once."""
        return self._orders(_DOUBLED)

    def _orders(self, kinds: tuple[str, ...]) -> int:
        return len({found.order_id for found in self.discrepancies if found.kind in kinds})

    def __str__(self) -> str:
        attempts, stores = (", ".join(f"{name} {n}" for name, n in some.items()) for some in self._told_apart())
        counts = "; ".join(filter(None, (attempts and f"this run: {attempts}", stores and f"in the stores: {stores}")))
        reasons = [f"  {reason}" for reason in self.reasons]
        notes = [f"  note: {note}" for note in self.notes]
        return "\n".join([f"books: {self.verdict.upper()} ({counts})", *reasons, *self._stories(), *notes])

    def _told_apart(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """What this run attempted, and what the stores hold, of all runs there ever were."""
        run = {name: count for name, count in self.counts.items() if name in OUTCOMES}
        return run, {name: count for name, count in self.counts.items() if name not in OUTCOMES}

    def _stories(self) -> Iterator[str]:
        listed = self.pages or self.discrepancies[:_DISCREPANCIES]
        for one in listed:
            yield from (f"  {line}" for line in str(one).splitlines())
        shown = sum(len(page.discrepancies) for page in self.pages) if self.pages else len(listed)
        if hidden := len(self.discrepancies) - shown:
            yield f"  and {hidden} more"
