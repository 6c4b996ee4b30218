"""What a storefront does about a failed order."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """The same Idempotency-Key again, after a jittered, growing pause.

    `attempts` counts the first one. A Retry-After of the server replaces the pause. Latency runs from the scheduled
    start to the last answer. Off by default: a journey records what the server did, not what patience made of it.
    """

    attempts: int = 3
    base_s: float = 0.1
    cap_s: float = 2.0
