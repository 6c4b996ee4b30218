"""What the API refuses, in Kubernetes' own words and with its codes.

Source: k8s.io/apimachinery, pkg/api/errors/errors.go and pkg/util/validation/field/errors.go
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infrastructure.embedded.kubernetes.schema.kinds import Kind


class ApiError(Exception):
    """One refusal: an HTTP status, and the members of the Status object that tells why."""

    def __init__(self, code: int, reason: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = dict(details or {})

    @property
    def status(self) -> dict[str, Any]:
        """The Status object."""
        made = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": self.message}
        details = {"details": self.details} if self.details else {}
        return {**made, "reason": self.reason, **details, "code": self.code}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """One field that is not as it must be; `reason` as in the API (`FieldValueRequired`)."""

    field: str
    reason: str
    message: str


def required(field: str, detail: str = "") -> Cause:
    """A field that must be there is not."""
    return Cause(field=field, reason="FieldValueRequired", message="Required value" + (f": {detail}" if detail else ""))


def invalid(field: str, value: object, detail: str) -> Cause:
    """A value that a field cannot have, and why."""
    return Cause(field=field, reason="FieldValueInvalid", message=f"Invalid value: {_shown(value)}: {detail}")


def not_supported(field: str, value: object, allowed: Sequence[str]) -> Cause:
    """A value that is none of those a field can have."""
    known = ", ".join(f'"{each}"' for each in sorted(allowed))
    message = f"Unsupported value: {_shown(value)}: supported values: {known}"
    return Cause(field=field, reason="FieldValueNotSupported", message=message)


def forbidden_field(field: str, detail: str) -> Cause:
    """A field that may not be given, or not changed."""
    return Cause(field=field, reason="FieldValueForbidden", message=f"Forbidden: {detail}")


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _about(kind: Kind, name: str) -> dict[str, Any]:
    return {"name": name, **({"group": kind.group} if kind.group else {}), "kind": kind.plural}


def not_found(kind: Kind, name: str) -> ApiError:
    """404."""
    return ApiError(404, "NotFound", f'{kind.id} "{name}" not found', _about(kind, name))


def already_exists(kind: Kind, name: str) -> ApiError:
    """409: the name is taken."""
    return ApiError(409, "AlreadyExists", f'{kind.id} "{name}" already exists', _about(kind, name))


def conflict(kind: Kind, name: str, why: str = "") -> ApiError:
    """409: what was to be changed is not what it was."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    return ApiError(409, "Conflict", f'Operation cannot be fulfilled on {kind.id} "{name}": {why}', _about(kind, name))


def not_valid(kind: Kind, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with all that is wrong."""
    texts = [f"{each.field}: {each.message}" for each in causes]
    told = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    details = {
        "name": name,
        **({"group": kind.group} if kind.group else {}),
        "kind": kind.name,
        "causes": [{"reason": each.reason, "message": each.message, "field": each.field} for each in causes],
    }
    return ApiError(422, "Invalid", f'{kind.qualified} "{name}" is invalid: {told}', details)


def bad_request(message: str) -> ApiError:
    """400, in the words of whoever found it."""
    return ApiError(400, "BadRequest", message)


def forbidden(kind: Kind, name: str, why: str) -> ApiError:
    """403: not now, or not there."""
    return ApiError(403, "Forbidden", f'{kind.id} "{name}" is forbidden: {why}', _about(kind, name))


def denied(webhook: str, why: str) -> ApiError:
    """403, in the words of an admission webhook."""
    return ApiError(403, "Forbidden", f'admission webhook "{webhook}" denied the request: {why}')


def expired(message: str) -> ApiError:
    """410: a version, or a place in a list, that is not kept any more."""
    return ApiError(410, "Expired", message)


def unauthorized() -> ApiError:
    """401: nobody knows the token."""
    return ApiError(401, "Unauthorized", "Unauthorized")


def method_not_allowed() -> ApiError:
    """405."""
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource")


def unknown_path() -> ApiError:
    """404 for what is no resource."""
    return ApiError(404, "NotFound", "the server could not find the requested resource")


def unsupported_type(given: str, allowed: Sequence[str]) -> ApiError:
    """415 with the media types that are read."""
    message = f"the body of the request was in an unknown format - accepted media types include: {', '.join(allowed)}"
    return ApiError(415, "UnsupportedMediaType", message if not given else f"{message} (it was {given})")


def too_many(message: str, cause: Mapping[str, str], retry_after_s: int = 0) -> ApiError:
    """429, as for a disruption that a budget forbids."""
    retry = {"retryAfterSeconds": retry_after_s} if retry_after_s else {}
    return ApiError(429, "TooManyRequests", message, {"causes": [dict(cause)], **retry})
