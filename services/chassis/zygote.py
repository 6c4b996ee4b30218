"""Forks service processes in milliseconds, out of one process that has imported everything: `python -m
services.chassis.zygote SOCKET`.

Importing FastAPI and boto3 costs each process 1.8 CPU-seconds; a fork of a process that has done so costs 4 ms, and its
memory is shared. How it is asked for forks: services/chassis/forking.py.
"""

import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable

from services import catalog
from services.chassis import forking

PRELOAD: tuple[str, ...] = (
    "asyncio",
    "boto3",
    "botocore.config",
    "botocore.httpsession",
    "botocore.parsers",
    "botocore.retries.standard",
    "botocore.signers",
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

CLIENTS: tuple[str, ...] = ("dynamodb", "sqs", "kinesis", "cloudwatch", "secretsmanager")
"""AWS APIs whose service models boto3's default session has parsed before the first fork."""


def preload() -> None:
    """Import what services use, and build what their first AWS call would."""
    for module in PRELOAD:
        importlib.import_module(module)
    _preload_clients()
    for service in catalog.http_services():
        _preload_entry(service.entry)


def _preload_clients() -> None:
    """Fill the default session's caches of service models, endpoint rules and client classes: 50 ms per client."""
    boto3 = importlib.import_module("boto3")
    boto3.setup_default_session()
    for service in CLIENTS:
        boto3.client(
            service,
            region_name="us-east-1",
            endpoint_url="http://127.0.0.1:9",  # the discard port: a client that is never used
            aws_access_key_id="preload",
            aws_secret_access_key="preload",  # noqa: S106 - no secret: nothing is ever signed with it
        ).close()


def _preload_entry(entry: str) -> None:
    """A service that cannot be imported fails in its own process, where its log tells why; here it is only said."""
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
