"""DynamoDB's item operations speak JSON directly: moto's records are DynamoDB's JSON but for a few types.

Replaces for those operations (moto 5.2): `DynamoHandler.parse_parameters` and the serialisation in `DynamoResult`,
which walk the service model and try every member of a union for every attribute (1.3 ms for one item of ten
attributes, 4 s for a scan of 3,000). Requests with binary attributes, and all control operations, still go moto's way.
"""

import base64
import json
from typing import Any

import orjson
from moto.core.responses import ActionResult
from moto.dynamodb import responses
from moto.dynamodb.models.dynamo_type import DynamoType
from moto.dynamodb.models.utilities import dynamo_to_dict

from infrastructure.embedded.gateway.api import names

OPERATIONS = names(
    "BatchGetItem BatchWriteItem DeleteItem GetItem PutItem Query Scan TransactGetItems TransactWriteItems UpdateItem"
)
_MEMBERS = names("Attributes Count Item Items LastEvaluatedKey Responses ScannedCount UnprocessedItems UnprocessedKeys")
"""Members of the answers; moto's results hold others that no answer of AWS has. What was consumed throttling tells."""
_moto_parse = responses.DynamoHandler.parse_parameters
_moto_execute = ActionResult.execute_result


def _parse_parameters(handler: Any, request: Any) -> None:
    action, body = handler._get_action(), handler.raw_body
    if action not in OPERATIONS or b'"B"' in body or b'"BS"' in body:
        _moto_parse(handler, request)
        return
    try:
        handler.params = json.loads(body)  # not orjson: moto's errors name what json makes of odd numbers
    except ValueError:
        _moto_parse(handler, request)


def _keep(result: Any, value: object) -> None:
    """As `DynamoResult.__init__`, but nothing is converted before somebody needs it."""
    result._result = value


def _execute(result: Any, context: Any) -> Any:
    value = result._result
    if context.operation_model.name not in OPERATIONS or not isinstance(value, dict):
        result._result = dynamo_to_dict(value)
        return _moto_execute(result, context)
    body = orjson.dumps({name: value[name] for name in _MEMBERS & value.keys()}, default=_plain)
    return 200, {"Content-Type": "application/x-amz-json-1.0"}, body


def _plain(value: object) -> object:
    """What orjson does not know: an attribute value, an item, binary data."""
    if isinstance(value, DynamoType):
        return {value.type: value.value}
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if hasattr(value, "to_json"):
        return value.to_json()
    raise TypeError(f"no DynamoDB JSON for {type(value).__name__}")


def install() -> None:
    """Replace both on moto's classes."""
    responses.DynamoHandler.parse_parameters = _parse_parameters
    responses.DynamoResult.__init__ = _keep
    responses.DynamoResult.execute_result = _execute
