"""A request's body, read as JSON into what it has to be, or every complaint about it."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from services.chassis.web.api import pointer
from services.chassis.web.problems import Complaint, HttpProblem

M = TypeVar("M", bound=BaseModel)


def read_body(kind: type[M], body: bytes, *, slug: str, detail: str) -> M:
    """`body` as `kind`. `HttpProblem` 400 for what is no JSON, else 422 as `slug` with each complaint."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as wrong:
        problem = _malformed(wrong) or HttpProblem(422, slug, detail, complaints=complaints_of(wrong))
    raise problem


def complaints_of(wrong: ValidationError) -> list[Complaint]:
    """What is wrong and where; not what was sent."""
    errors = wrong.errors(include_url=False, include_context=False, include_input=False)
    return [Complaint(pointer=pointer(each["loc"]), detail=each["msg"]) for each in errors]


def _malformed(wrong: ValidationError) -> HttpProblem | None:
    first = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    return HttpProblem(400, "malformed", first["msg"][:200]) if first["type"] == "json_invalid" else None
