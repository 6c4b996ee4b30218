"""How many batches an SQS event source mapping works on at once, and when it tries a throttled function again. Pure.

    a slot is free ──▶ a held batch first, then a batch from the queue
    no slot        ──▶ one batch is held, and tried again after `first_s`, then twice that, and so on up to `longest_s`,
                       or as soon as a slot is free, for as long as its visibility lasts
    function error ──▶ half as many batches at once; one more with each that succeeds

So messages wait in the queue, where they can be seen, and not in the mapping: only one batch at a time is received for
a function that has no slot, where AWS's pollers may hold several. Source: AWS Lambda Developer Guide, "Backoff strategy
for failed invocations" and "Configuring scaling behavior for SQS event source mappings".
"""

from dataclasses import dataclass

MOST = 1_250
"""Batches a mapping works on at once at most."""
FEWEST = 2
"""Where backing off after function errors ends, as AWS's pollers do."""
START = 5


@dataclass(slots=True, kw_only=True)
class Scaling:
    """The state of one mapping's back-off. Times are seconds of one clock."""

    first_s: float
    longest_s: float
    ceiling: int = MOST
    allowed: int = START
    throttles: int = 0
    """Throttled in a row."""
    retry_at: float = 0.0

    def limit(self, maximum_concurrency: int | None) -> None:
        self.ceiling = MOST if maximum_concurrency is None else maximum_concurrency
        self.allowed = min(self.allowed, self.ceiling)

    def may_start(self, *, starting: int, free: int, now: float) -> bool:
        """Whether to invoke the function: it has a slot for it, or it is time to ask again.

        `starting`: invocations on their way that `free`, the function's free slots, does not count yet.
        """
        return free > starting or (starting == 0 and now >= self.retry_at)

    def throttled(self, now: float) -> None:
        """An invocation was throttled: wait longer each time."""
        self.retry_at = now + min(self.first_s * 2.0 ** min(self.throttles, 32), self.longest_s)
        self.throttles += 1

    def succeeded(self) -> None:
        """A batch was processed, in whole or, where failures are reported, in part."""
        self.throttles = 0
        self.allowed = min(self.allowed + 1, self.ceiling)

    def failed(self) -> None:
        self.throttles = 0
        self.allowed = min(max(self.allowed // 2, FEWEST), self.ceiling)
