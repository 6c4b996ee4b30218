"""How many batches an SQS event source mapping works on at once, and when it tries a throttled function again. Pure.

    a slot is free ──▶ a held batch first, then a batch from the queue
    no slot        ──▶ each poller holds the batch that it received, and all try again after `first_s`, then twice that,
                       and so on up to `longest_s`, or as soon as a slot is free, while their visibility lasts
    more in queue  ──▶ more pollers, every second that all have a batch and messages wait
    function error ──▶ half as many batches at once; one more with each that succeeds

A mapping does not know of its function's slots: what its pollers received counts as received, whether or not it was
ever processed, and may so end among the dead letters. Source: AWS Lambda Developer Guide, "Configuring scaling behavior
for SQS event source mappings"; https://repost.aws/knowledge-center/lambda-sqs-scaling: "Event source mappings don't
account for reserved concurrency".
"""

from dataclasses import dataclass

from infrastructure.embedded import lags

MOST = 1_250
"""Batches a mapping works on at once at most."""
FEWEST = 2
"""Where backing off after function errors ends, as AWS's pollers do."""
START = int(lags.POLLERS.aws)
MORE_PER_S = lags.MORE_POLLERS.aws / 60.0
_ROUNDING = 1e-6


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
    is_backing_off: bool = False
    """After a function error, until a batch succeeds."""
    behind_since: float | None = None
    """Since when messages wait though every poller has a batch, less what was grown by since then."""

    def limit(self, maximum_concurrency: int | None) -> None:
        self.ceiling = MOST if maximum_concurrency is None else maximum_concurrency
        self.allowed = min(self.allowed, self.ceiling)

    def grow(self, now: float, *, is_behind: bool) -> float | None:
        """More batches at once for the time that messages have waited for a poller; when to look again."""
        if not is_behind or self.is_backing_off or self.allowed >= self.ceiling:
            self.behind_since = None
            return None
        since = self.behind_since if self.behind_since is not None else now
        grown = int((now - since) * MORE_PER_S + _ROUNDING)
        self.allowed = min(self.allowed + grown, self.ceiling)
        self.behind_since = since + grown / MORE_PER_S
        return self.behind_since + 1.0 / MORE_PER_S

    def may_start(self, *, starting: int, free: int, now: float) -> bool:
        """Whether to invoke the function: it has a slot for it, or it is time to ask again.

        `starting`: invocations on their way that `free`, the function's free slots, does not count yet.
        """
        return free > starting or now >= self.retry_at

    def throttled(self, now: float) -> None:
        """An invocation was throttled: wait longer each time; those that were tried with it are the same time."""
        if now < self.retry_at:
            return
        self.retry_at = now + min(self.first_s * 2.0 ** min(self.throttles, 32), self.longest_s)
        self.throttles += 1

    def succeeded(self) -> None:
        """A batch was processed, in whole or, where failures are reported, in part."""
        self.throttles, self.is_backing_off = 0, False
        self.allowed = min(self.allowed + 1, self.ceiling)

    def failed(self) -> None:
        self.throttles, self.is_backing_off = 0, True
        self.allowed = min(max(self.allowed // 2, FEWEST), self.ceiling)
