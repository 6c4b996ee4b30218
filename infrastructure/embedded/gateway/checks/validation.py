"""Every request is held against botocore's service model before anybody acts on it, and refused as AWS refuses it.

Checked: required, type, length, range, pattern, enumeration, unknown members. Most requests are as they should be,
which `fitness` says at once; `shapes` says what is wrong with the others. Wording: what AWS's own services answer
("1 validation error detected: Value … at '…' failed to satisfy constraint: …").
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree as ET

from botocore.model import OperationModel, Shape

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import HttpRequest
from infrastructure.embedded.gateway.checks import forms
from infrastructure.embedded.gateway.checks.shapes import Problem, problems
from infrastructure.embedded.gateway.refused import Refused

_CODES: Mapping[str, str] = {
    "json": "ValidationException",
    "rest-json": "ValidationException",
    "query": "ValidationError",
    "ec2": "InvalidParameterValue",
    "rest-xml": "InvalidArgument",
}
_SHOWN = 100
"""Characters of a refused value that are repeated."""


def refuse(api: Api, shape: Shape, given: Mapping[str, Any]) -> None:
    """Raise `Refused` with all that is wrong with `given`, which does not fit the shape of what the operation takes."""
    found = list(problems(shape, given))
    if found:
        raise refusal(api, found)


def check_form(api: Api, of: OperationModel, form: Mapping[str, str]) -> None:
    """Raise `Refused` for a flat member of a query protocol that the operation does not have, or that it reads as
    something else: what is not read must not be taken for said."""
    is_ec2 = api.protocol == "ec2"
    for name, text in form.items():
        if name in ("Action", "Version"):
            continue
        found = forms.leaf(of.input_shape, name.split("."), is_ec2=is_ec2)
        if found is None:
            code = "UnknownParameter" if is_ec2 else code_of(api)
            raise Refused(code, f"The parameter {name} is not recognized")
        if not forms.is_readable(found, text):
            raise Refused(
                "InvalidParameterValue" if is_ec2 else "MalformedInput",
                f"Value ({_shown(text)}) for parameter {name} is invalid: it is not a {found.type_name}",
            )


def check_xml(of: OperationModel, body: bytes) -> None:
    """Raise `Refused` for an element of an XML body that the operation does not have, or reads as something else."""
    shape = of.input_shape
    payload = shape.serialization.get("payload") if shape else None
    if not body or shape is None or payload is None or shape.members[payload].type_name != "structure":
        return
    try:
        root = ET.fromstring(body)  # noqa: S314  the standard library's parser knows no external entities
    except ET.ParseError as problem:
        raise Refused("MalformedXML", f"The XML you provided was not well-formed: {problem}") from problem
    wrong = next(forms.problems(shape.members[payload], root), None)
    if wrong is not None:
        raise Refused("MalformedXML", f"The XML you provided did not validate against our published schema: {wrong}")


def check_head(api: Api, of: OperationModel, request: HttpRequest) -> None:
    """Raise `Refused` for a truth value in a header or the query that is none: what reads them takes it for false."""
    asked = parse_qs(request.query)
    for name, member in of.input_shape.members.items() if of.input_shape else ():
        location, wire = member.serialization.get("location"), member.serialization.get("name", name)
        if member.type_name == "boolean" and location in ("header", "querystring"):
            text = request.headers.get(wire.lower()) if location == "header" else asked.get(wire, [None])[0]
            if text is not None and not forms.is_readable(member, text):
                raise Refused(code_of(api), f"{wire}: {_shown(text)} can not be converted to a Boolean")


def code_of(api: Api) -> str:
    """Its error code for a member that is not as the model says."""
    return api.invalid or _CODES[api.protocol]


def refusal(api: Api, problems: list[Problem]) -> Refused:
    """All that is wrong in one error, as the API words it."""
    first = problems[0]
    if first.kind == "type":
        code = "SerializationException" if "json" in api.protocol else code_of(api)
        return Refused(code, f"{first.path}: {_shown(first.value)} {first.constraint}")
    if first.kind == "unknown":
        return Refused(code_of(api), f"Unknown parameter in input: {first.path!r}, must be one of: {first.constraint}")
    if first.kind == "missing" and api.missing:
        return Refused(api.missing, f"The request must contain the parameter {first.path[:1].upper()}{first.path[1:]}.")
    found = [p for p in problems if p.kind in ("constraint", "missing")]
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    code = next((code for start, code in api.invalid_at.items() if found[0].path.startswith(start)), code_of(api))
    return Refused(code, count + "; ".join(_said(problem) for problem in found))


def _said(problem: Problem) -> str:
    value = "null" if problem.kind == "missing" else f"'{_shown(problem.value)}'"
    return f"Value {value} at '{problem.path}' failed to satisfy constraint: {problem.constraint}"


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
