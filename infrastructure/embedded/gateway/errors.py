"""Errors in the shape each AWS protocol gives them, so that every SDK raises its own exception class for them.

JSON 1.0 and 1.1: `__type`, `message`; REST-JSON: the type in a header; query: `ErrorResponse/Error`; EC2:
`Response/Errors/Error`; REST-XML: `Error`; see "AWS JSON 1.0 protocol" and its siblings in the Smithy documentation.
"""

import re
from typing import Any
from uuid import uuid4
from xml.sax.saxutils import escape

import orjson
from botocore.model import OperationModel

from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.refused import unsupported

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that no XML document may hold, though a refused value may."""


def error(call: Call, code: str, message: str, *, status: int = 400, **more: object) -> Answer:
    """`code` with `message` as the caller's SDK expects it; `more` are further members of an error in JSON or S3's."""
    protocol, message = call.protocol, message or code
    request_id = str(uuid4())
    headers = {"x-amzn-requestid": request_id}
    if protocol in ("json", "rest-json"):
        kind = call.request.headers.get("content-type") or "application/x-amz-json-1.0"
        typed = {"__type": code} if protocol == "json" else {}
        shape = _shape_of(call, code) if protocol == "json" else None
        if shape is not None:
            typed, headers = {"__type": shape}, {**headers, "x-amzn-query-error": f"{code};Sender"}
        kind = kind if protocol == "json" else "application/json"
        body = orjson.dumps({**typed, "message": message, "Message": message, **more})
        return Answer(status=status, headers={**headers, "content-type": kind, "x-amzn-errortype": code}, body=body)
    side = "Sender" if status < 500 else "Receiver"
    core = _element("Code", code) + _element("Message", message)
    asked = f"<RequestId>{request_id}</RequestId>"
    text = {
        "query": f"<ErrorResponse><Error><Type>{side}</Type>{core}</Error>{asked}</ErrorResponse>",
        "ec2": f"<Response><Errors><Error>{core}</Error></Errors><RequestID>{request_id}</RequestID></Response>",
        "rest-xml": f"<Error>{core}{''.join(_element(*each) for each in more.items())}{asked}</Error>",
    }[protocol]
    return Answer(status=status, headers={**headers, "content-type": "text/xml"}, body=text.encode())


def _element(name: str, value: object) -> str:
    return f"<{name}>{escape(_NOT_XML.sub('?', str(value)))}</{name}>"


def _shape_of(call: Call, code: str) -> str | None:
    """The name of an error whose code is another, in an API that spoke the query protocol before; both are told.

    Source: Smithy documentation, "AWS query compatible".
    """
    of = call.operation
    if of is None or "awsQueryCompatible" not in of.service_model.metadata:
        return None
    shapes: Any = of.error_shapes
    return next((shape.name for shape in shapes if shape.error_code == code != shape.name), None)


def not_provided(call: Call) -> Answer:
    """The refusal of a call that the embedded cloud does not answer."""
    refused = unsupported(f"{call.service}:{call.action}")
    return error(call, refused.code, refused.message, status=refused.status)


def status_of(of: OperationModel | None, code: str) -> int:
    """The HTTP status that the service's model gives an error; 400 where it gives none."""
    shapes: Any = of.error_shapes if of is not None else ()
    found = (shape.metadata.get("error", {}).get("httpStatusCode", 400) for shape in shapes if shape.error_code == code)
    return int(next(found, 400))
