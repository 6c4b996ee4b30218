"""The operators' stress endpoints: start, look, stop."""

import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.catalog import StressScenario
from services.chassis.stress.coordination import Busy, CoordinationUnreachable, Coordinator
from services.chassis.stress.engine import StressRun, TaskProgress
from services.chassis.web.api import json_response
from services.chassis.web.bodies import complaints_of
from services.chassis.web.operators import Operators
from services.chassis.web.problems import HttpProblem, unavailable

MAX_DURATION_S: Final = 900.0
"""The end of any run, whatever was asked for."""


class StressRequest(BaseModel):
    """How hard and how long: percent of each task's allotment, seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    duration_s: float = Field(ge=1, le=MAX_DURATION_S, strict=True, examples=[10])
    target_cpu: float = Field(ge=1, le=100, strict=True, examples=[95])


def add_stress_routes(
    app: FastAPI, path: str, scenario: StressScenario, operators: Operators, coordinator: Coordinator
) -> None:
    """Add POST, GET and DELETE at `path` to `app`."""
    schema = {"application/json": {"schema": StressRequest.model_json_schema()}}

    @app.post(
        path,
        status_code=202,
        tags=["operators"],
        summary=f"Start {scenario.story}",
        openapi_extra={"requestBody": {"required": True, "content": schema}},
    )
    async def start(request: Request) -> Response:
        await operators.require(request)
        run = _run_of(_read(await request.body()))
        with _refusals():
            await coordinator.start(run)
        begun = {**asdict(run), "story": scenario.name, "state": "starting"}
        return json_response(begun, 202, headers={"Location": path})

    @app.get(path, tags=["operators"], summary="The run of last and what each task does for it")
    async def look(request: Request) -> Response:
        await operators.require(request)
        with _refusals():
            latest = await coordinator.latest()
        if latest is None:
            raise HttpProblem(404, "no-run", "there was no run lately")
        return json_response(_status(scenario, *latest))

    @app.delete(path, status_code=204, tags=["operators"], summary="Stop the run at once")
    async def stop(request: Request) -> Response:
        await operators.require(request)
        with _refusals():
            await coordinator.stop()
        return Response(status_code=204)


def _run_of(wanted: StressRequest) -> StressRun:
    return StressRun(
        run_id=secrets.token_hex(8),
        target_cpu=wanted.target_cpu,
        duration_s=wanted.duration_s,
        started_at=time.time(),
    )


def _status(
    scenario: StressScenario, run: StressRun, is_on: bool, progress: Sequence[TaskProgress]
) -> dict[str, object]:
    """A run as an operator sees it."""
    ended_early = any(task.state == "stopped" for task in progress)
    state = "running" if is_on else "stopped" if ended_early else "finished"
    return {**asdict(run), "story": scenario.name, "state": state, "tasks": [asdict(task) for task in progress]}


@contextmanager
def _refusals() -> Iterator[None]:
    """What keeps tasks from agreeing on a run, as the problem that an operator is answered with."""
    try:
        yield
    except Busy as busy:
        raise HttpProblem(409, "busy", f"run {busy} is on; one at a time") from busy
    except CoordinationUnreachable as error:
        reason = "the tasks cannot agree on a run: ElastiCache does not answer"
        raise unavailable(reason, retry_after_s=1) from error


def _read(body: bytes) -> StressRequest:
    try:
        return StressRequest.model_validate_json(body)
    except ValidationError as wrong:
        complaints = complaints_of(wrong)
    raise HttpProblem(422, "invalid-run", "say how long and how hard", complaints=complaints)
