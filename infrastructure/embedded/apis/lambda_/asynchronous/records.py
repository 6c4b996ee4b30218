"""What is sent on about an asynchronous invocation: to a destination, or to the dead letter queue. Pure.

Source: AWS Lambda Developer Guide, "Capturing records of Lambda asynchronous invocations" (example invocation record;
"Adding a dead-letter queue": the attributes RequestID, ErrorCode and ErrorMessage).
"""

import time
from typing import Any

import orjson

from infrastructure.embedded.apis.lambda_.asynchronous.settings import Over
from infrastructure.embedded.apis.lambda_.calls import AsyncRequest
from infrastructure.embedded.engines.functions.report import Invocation

_LONGEST_MESSAGE = 1024
_THROTTLED = "Rate Exceeded."
_SHUT = "Function not invoked. Function is configured with zero reserved concurrent executions"


def invocation_record(request: AsyncRequest, invocation: Invocation, over: Over, *, at: float) -> bytes:
    """The JSON document for a destination; `at` is Unix seconds. Without `response…` when the function never ran."""
    arn = request.target.arn
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(at))}.{int(at % 1 * 1000):03d}Z",
        "requestContext": {
            "requestId": request.request_id,
            "functionArn": arn if request.target.qualifier else f"{arn}:$LATEST",
            "condition": over.condition,
            "approximateInvokeCount": over.invokes,
        },
        "requestPayload": _json(request.payload),
    }
    if invocation.status != "throttled":
        failed = {"functionError": "Unhandled"} if invocation.status == "function_error" else {}
        record["responseContext"] = {"statusCode": 200, "executedVersion": invocation.executed_version, **failed}
        record["responsePayload"] = _json(invocation.payload)
    return orjson.dumps(record)


def dead_letter_attributes(request: AsyncRequest, invocation: Invocation, over: Over) -> dict[str, dict[str, str]]:
    """The message attributes beside the event in the dead letter queue, as SendMessage takes them."""
    code, message = (429, _SHUT if over.condition == "ZeroReservedConcurrency" else _THROTTLED)
    if invocation.status != "throttled":
        code, message = 200, _error_message(invocation.payload)
    return {
        "RequestID": {"DataType": "String", "StringValue": request.request_id},
        "ErrorCode": {"DataType": "Number", "StringValue": str(code)},
        "ErrorMessage": {"DataType": "String", "StringValue": message[:_LONGEST_MESSAGE] or "unknown"},
    }


def _error_message(payload: bytes) -> str:
    document = _json(payload)
    return str(document.get("errorMessage", "")) if isinstance(document, dict) else ""


def _json(payload: bytes) -> Any:
    """The document in `payload`; its text where it is none."""
    try:
        return orjson.loads(payload or b"null")
    except orjson.JSONDecodeError:
        return payload.decode("utf-8", "replace")
