"""The order in which a customer's orders were captured, against the order in which they were placed. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from plugins.books.history import Attempt


def out_of_order(attempts: Iterable[Attempt], captured_at: Mapping[str, float]) -> Iterator[tuple[Attempt, Attempt]]:
    """(order, one captured before it) where a customer placed the second only after the first was acknowledged.

    Orders that were under way together may be captured either way, or at the same instant. A declined order has no
    capture, so no place. On AWS the clocks of two sandboxes differ by a millisecond or so; two orders of a customer are
    further apart, since a message group is handled one batch after the other.
    """
    placed = sorted(
        (at, attempt.scheduled_at, number, attempt)  # no two have the same number, so attempts are never compared
        for number, attempt in enumerate(attempts)
        if attempt.acknowledged_at is not None and (at := captured_at.get(attempt.order_id or "")) is not None
    )
    latest: dict[str, Attempt] = {}
    for _, _, _, attempt in placed:
        before = latest.get(attempt.customer_id)
        if before is not None and (attempt.acknowledged_at or 0.0) < before.scheduled_at:
            yield attempt, before
        if before is None or attempt.scheduled_at > before.scheduled_at:
            latest[attempt.customer_id] = attempt
