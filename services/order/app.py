"""The order service's process: reads its settings, wires its parts, serves until SIGTERM."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.chassis import api, log, server
from services.chassis.gateway import Gateway, Limits
from services.chassis.health import Dependencies
from services.chassis.settings import EXIT_CONFIGURATION, ConfigurationError, load
from services.chassis.traffic import Traffic
from services.order.settings import OrderSettings

ROUTE = "/api/orders"


def serve() -> None:
    """Entry point of the task: no argument, everything from the environment, returns when drained."""
    try:
        settings = load(OrderSettings)
    except ConfigurationError as wrong:
        print(wrong, file=sys.stderr)  # noqa: T201 - there is no log yet
        raise SystemExit(EXIT_CONFIGURATION) from None
    log.configure(service="order", task=settings.cafe_task_arn, level=settings.cafe_log_level)
    traffic = Traffic()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = api.create(
        title="CloudCafe orders",
        version="1",
        route=ROUTE,
        lifespan=lifespan,
        dependencies=Dependencies("dynamodb", "sqs", "kinesis", "elasticache"),
        traffic=traffic,
    )
    gateway = Gateway(
        app,
        traffic=traffic,
        observe=lambda served: None,
        is_internal=lambda path: path.startswith(f"{ROUTE}/health"),
        limits=Limits(),
    )
    server.run(gateway, settings, server.graceful(traffic, settings))
