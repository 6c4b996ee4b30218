"""What a failure inside moto says about the request: the caller's mistake, where there is evidence for it.

moto looks its records and its members up without asking whether they are there, and reads tokens as numbers. Such a
failure is an AWS error only if it happened in moto's own code, and what it stumbled over stands in the request, or is
missing there. All else is a defect: an InternalFailure with its traceback in the log.
"""

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from typing import Any

from botocore import xform_name
from botocore.model import OperationModel

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Call
from infrastructure.embedded.gateway.checks import validation
from infrastructure.embedded.gateway.checks.shapes import Problem
from infrastructure.embedded.gateway.errors import status_of
from infrastructure.embedded.gateway.refused import Refused

_ABSENT = re.compile(r"NotFound|NoSuch|DoesNotExist")
_INVALID = re.compile(r"InvalidArgument|InvalidParameter|InvalidNextToken|InvalidRequest|Validation|InvalidInput")


def explained(call: Call, failure: Exception) -> Refused | None:
    """The refusal that `failure` amounts to; None for a defect."""
    api, of = call.api, call.operation
    if api is None or of is None or not _is_in_moto(failure):
        return None
    return (
        _missing(api, of, call.parameters, failure)
        or _absent(api, of, call.parameters, failure)
        or _unreadable(api, of, call.parameters, failure)
    )


def _is_in_moto(failure: Exception) -> bool:
    """Whether moto's code failed, not ours, be it called from moto's."""
    found, trace = "", failure.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.startswith(("moto.", "infrastructure.")):
            found = module
        trace = trace.tb_next
    return found.startswith("moto.")


def _missing(api: Api, of: OperationModel, given: Mapping[str, Any], failure: Exception) -> Refused | None:
    """A member that moto looked for in vain: required, though the service's model does not say so."""
    name = failure.args[0] if isinstance(failure, KeyError) and failure.args else None
    if not isinstance(name, str) or of.input_shape is None:
        return None
    path = next(_lacking(of.input_shape, given, name, ""), None)
    if path is None:
        return None
    return validation.refusal(api, [Problem("missing", path, None, "Member must not be null")])


def _lacking(shape: Any, value: Any, name: str, path: str) -> Iterator[str]:
    """Where a structure of the request has no member that is called `name`, as moto calls it."""
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for member, inner in shape.members.items():
            where = f"{path}.{member[:1].lower()}{member[1:]}".lstrip(".")
            if value.get(member) is not None:
                yield from _lacking(inner, value[member], name, where)
            elif name in (member, xform_name(member)):
                yield where
    elif shape.type_name == "list" and isinstance(value, list):
        for number, each in enumerate(value, 1):
            yield from _lacking(shape.member, each, name, f"{path}.{number}.member")


def _absent(api: Api, of: OperationModel, given: Mapping[str, Any], failure: Exception) -> Refused | None:
    """A record that is not there: moto looked it up by a text of the request, or the API says that it is so."""
    declared = api.absent.get(of.name)
    texts = sorted(_texts(given), key=len)
    name = failure.args[0] if isinstance(failure, KeyError) and failure.args else None
    said = next((text for text in texts if name and text and (text == name or _last(text) == name)), None)
    if said is None and declared is None:
        return None
    code = declared or _modelled(of, _ABSENT) or _modelled(of, _INVALID) or validation.code_of(api)
    return Refused(code, f"{of.name}: not found, or not given: {said or ', '.join(texts)}", status=status_of(of, code))


def _last(text: str) -> str:
    """What an ARN names."""
    return re.split("[:/]", text)[-1]


def _unreadable(api: Api, of: OperationModel, given: Mapping[str, Any], failure: Exception) -> Refused | None:
    """A token, or a number in a text, that moto did not give out or cannot read."""
    if not isinstance(failure, ValueError):
        return None
    for text in _texts(given):
        if repr(text) in str(failure) or (isinstance(failure, UnicodeDecodeError) and _is_of(failure.object, text)):
            code = _modelled(of, _INVALID) or validation.code_of(api)
            return Refused(code, f"The value {text!r} is not valid.", status=status_of(of, code))
    return None


def unknown_filter(call: Call, failure: Exception) -> Refused | None:
    """A filter that AWS has not either: what the model's text on filters does not name; None for any other failure."""
    shape = call.operation.input_shape if call.operation else None
    if call.api is None or shape is None or "Filters" not in shape.members:
        return None
    documented = shape.members["Filters"].documentation
    asked = [each.get("Name") for each in call.parameters.get("Filters", ())]
    wrong = next((name for name in asked if name and f"'{name}'" in str(failure) and name not in documented), None)
    return Refused(validation.code_of(call.api), f"The filter '{wrong}' is invalid") if wrong else None


def _is_of(raw: bytes, text: str) -> bool:
    try:
        return b64decode(text) == raw
    except ValueError:
        return False


def _modelled(of: OperationModel, wanted: re.Pattern[str]) -> str | None:
    """The first error code of the operation that is of this kind."""
    shapes: Any = of.error_shapes
    return next((shape.error_code for shape in shapes if wanted.search(shape.error_code)), None)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
