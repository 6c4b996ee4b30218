"""Forks service processes in milliseconds, out of one process that has imported everything: `python -m
infrastructure.embedded.host.zygote SOCKET`.

Importing FastAPI and what else a service needs costs each process more than a CPU-second; a fork of a process that has
done so costs 4 ms, and its memory is shared. How it is asked for forks: host/forking.py.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable

from infrastructure.embedded.host import forking
from services import catalog

PRELOAD: tuple[str, ...] = (
    "asyncio",
    "concurrent.futures.thread",
    "decimal",
    "email.message",
    "fastapi",
    "fastapi.openapi.utils",
    "fastapi.responses",
    "hashlib",
    "http.client",
    "httptools",
    "logging",
    "multiprocessing",
    "orjson",
    "pydantic",
    "pydantic_settings",
    "redis",
    "redis.asyncio",
    "redis.backoff",
    "redis.retry",
    "ssl",
    "tenacity",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.protocols.http.httptools_impl",
    "uvloop",
)
"""What services import; besides these the zygote loads the modules of the catalogue's entries."""


def preload() -> None:
    """Import what services use, and their own modules."""
    for module in PRELOAD:
        importlib.import_module(module)
    for service in catalog.containers():
        _preload_entry(service.entry)


def _preload_entry(entry: str) -> None:
    """A service that cannot be imported fails in its own process, where its log shows why; here it is only printed."""
    module = entry.partition(":")[0]
    try:
        if importlib.util.find_spec(module) is not None:
            importlib.import_module(module)
    except Exception:  # noqa: BLE001 - whatever a service's module raises must not take the other services down
        traceback.print_exc()


def main(arguments: list[str], preload: Callable[[], None] = preload) -> int:
    """Preload, then serve until the socket closes."""
    return forking.main(arguments, preload)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
