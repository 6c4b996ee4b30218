"""The operators' stress endpoints: start, look, stop."""

import secrets
import time
from dataclasses import asdict
from typing import Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.catalog import StressScenario
from services.chassis.api import json_response, pointer
from services.chassis.operators import Operators
from services.chassis.problems import Complaint, Problem, unavailable
from services.chassis.stress.coordination import Busy, Coordinator, Unreachable
from services.chassis.stress.engine import Run

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
        wanted = _read(await request.body())
        run = Run(
            run_id=secrets.token_hex(8),
            target_cpu=wanted.target_cpu,
            duration_s=wanted.duration_s,
            started_at=time.time(),
        )
        try:
            await coordinator.start(run)
        except Busy as busy:
            raise Problem(409, "busy", f"run {busy} is on; one at a time") from busy
        except Unreachable as error:
            raise _cannot_agree() from error
        return json_response(
            {**asdict(run), "story": scenario.name, "state": "starting"}, 202, headers={"Location": path}
        )

    @app.get(path, tags=["operators"], summary="The run of last and what each task does for it")
    async def look(request: Request) -> Response:
        await operators.require(request)
        try:
            latest = await coordinator.latest()
        except Unreachable as error:
            raise _cannot_agree() from error
        if latest is None:
            raise Problem(404, "no-run", "there was no run lately")
        run, is_on, progress = latest
        ended_early = any(task.state == "stopped" for task in progress)
        state = "running" if is_on else "stopped" if ended_early else "finished"
        tasks = [asdict(task) for task in progress]
        return json_response({**asdict(run), "story": scenario.name, "state": state, "tasks": tasks})

    @app.delete(path, status_code=204, tags=["operators"], summary="Stop the run at once")
    async def stop(request: Request) -> Response:
        await operators.require(request)
        try:
            await coordinator.stop()
        except Unreachable as error:
            raise _cannot_agree() from error
        return Response(status_code=204)


def _read(body: bytes) -> StressRequest:
    try:
        return StressRequest.model_validate_json(body)
    except ValidationError as wrong:
        complaints = [Complaint(pointer=pointer(e["loc"]), detail=e["msg"]) for e in wrong.errors(include_input=False)]
    raise Problem(422, "invalid-run", "say how long and how hard", complaints=complaints)


def _cannot_agree() -> Problem:
    return unavailable("the tasks cannot agree on a run: ElastiCache does not answer", retry_after_s=1)
