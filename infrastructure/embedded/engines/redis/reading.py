"""What a Redis server says of itself, as figures of the seconds since it was last asked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One INFO: counters since the server's start, and what is now. CPU in seconds of the main thread."""

    pid: str
    cpu_s: float
    hits: float
    misses: float
    evictions: float
    connections: float
    items: float
    used_bytes: float

    @classmethod
    def of(cls, info: Mapping[str, str]) -> "Reading":
        def number(name: str) -> float:
            return float(info.get(name, 0.0))

        main = "used_cpu_user_main_thread" in info
        suffix = "_main_thread" if main else ""
        return cls(
            pid=info.get("process_id", ""),
            cpu_s=number(f"used_cpu_user{suffix}") + number(f"used_cpu_sys{suffix}"),
            hits=number("keyspace_hits"),
            misses=number("keyspace_misses"),
            evictions=number("evicted_keys"),
            connections=number("connected_clients"),
            items=sum(_keys(value) for name, value in info.items() if name[:2] == "db" and name[2:].isdigit()),
            used_bytes=number("used_memory"),
        )


def _keys(keyspace: str) -> float:
    """`keys=3,expires=1,avg_ttl=0` has 3."""
    return float(dict(part.split("=", 1) for part in keyspace.split(","))["keys"])


def metrics_between(before: Reading | None, after: Reading, elapsed_s: float) -> Iterable[tuple[str, float, str]]:
    """(metric, value, unit) for the `elapsed_s` seconds up to `after`; counters begin anew with each server."""
    base = before if before is not None and before.pid == after.pid else None

    def grown(name: str) -> float:
        return float(max(getattr(after, name) - (getattr(base, name) if base else 0.0), 0.0))

    yield "EngineCPUUtilization", 100.0 * grown("cpu_s") / elapsed_s, "Percent"
    yield "CacheHits", grown("hits"), "Count"
    yield "CacheMisses", grown("misses"), "Count"
    yield "Evictions", grown("evictions"), "Count"
    yield "CurrConnections", after.connections, "Count"
    yield "CurrItems", after.items, "Count"
    yield "BytesUsedForCache", after.used_bytes, "Bytes"
