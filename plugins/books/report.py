"""The verdict over the books, with every order that does not add up and what each book says about it."""

from collections.abc import Mapping
from dataclasses import dataclass

from plugins.slo import Verdict

_SHOWN = 50
"""Orders printed in full; a broken platform can make thousands, and the first few tell the story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discrepancy:
    """One thing wrong with one order. `kind` is a short name for counting, `says` what each book holds."""

    kind: str
    order_id: str | None
    idempotency_key: str | None
    what: str
    says: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        name = self.order_id or f"key {self.idempotency_key}"
        return "\n".join((f"{name}: {self.what}", *(f"    {book:9} {entry}" for book, entry in self.says)))


@dataclass(frozen=True, slots=True, kw_only=True)
class BooksReport:
    """`counts` are entries per book and attempts per outcome; `doubts` say why nothing could be proven."""

    discrepancies: tuple[Discrepancy, ...]
    counts: Mapping[str, int]
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

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
        """Orders acknowledged and gone: the recovery point objective in orders."""
        return sum(found.kind == "order lost" for found in self.discrepancies)

    def __str__(self) -> str:
        counts = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        shown = [f"  {line}" for found in self.discrepancies[:_SHOWN] for line in str(found).splitlines()]
        hidden = len(self.discrepancies) - _SHOWN
        more = [f"  and {hidden} more"] if hidden > 0 else []
        reasons = [f"  {reason}" for reason in self.reasons]
        notes = [f"  note: {note}" for note in self.notes]
        return "\n".join([f"books: {self.verdict.upper()} ({counts})", *reasons, *shown, *more, *notes])
