"""Several statements in one call: a batch, each of which goes or fails by itself, and a transaction. Pure.

Source: Amazon DynamoDB Developer Guide, "Running batch operations with PartiQL for DynamoDB" and "Performing
transactions with PartiQL for DynamoDB".
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from infrastructure.embedded.apis.dynamodb.cancelled import changed
from infrastructure.embedded.apis.dynamodb.partiql.statements import Plan
from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.refused import Refused

DUPLICATE = "Duplicate primary key exists in table"
_CODES: Mapping[str, str] = {
    "ConditionalCheckFailedException": "ConditionalCheckFailed",
    "DuplicateItemException": "DuplicateItem",
    "ItemCollectionSizeLimitExceededException": "ItemCollectionSizeLimitExceeded",
    "ProvisionedThroughputExceededException": "ProvisionedThroughputExceeded",
    "ResourceNotFoundException": "ResourceNotFound",
    "TransactionConflictException": "TransactionConflict",
    "ValidationException": "ValidationError",
}
"""The error of a call, and the code that stands for it at a statement's place in a batch."""
_WRITES: Mapping[str, str] = {"PutItem": "Put", "UpdateItem": "Update", "DeleteItem": "Delete"}
_OF_TRANSACTIONS = frozenset(
    (
        "TableName",
        "Item",
        "Key",
        "UpdateExpression",
        "ConditionExpression",
        "ProjectionExpression",
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
    )
)


def require_one_kind(plans: Sequence[Plan]) -> None:
    """`Refused` for reads and writes in one call."""
    if len({each.is_read for each in plans}) > 1:
        raise Refused("ValidationException", "Read and write statements cannot be mixed in one request")


def require_one_item(planned: Plan) -> None:
    """`Refused` for a SELECT that is not about one item: several of these are no batch."""
    if planned.is_read and planned.key is None:
        text = "Select statements within BatchExecuteStatement must specify the primary key in the where clause."
        raise Refused("ValidationException", text)


def failed(code: str, message: str, item: object = None) -> dict[str, Any]:
    """At the place of a statement that failed."""
    said = {"Code": _CODES.get(code.rpartition("#")[2], "InternalServerError"), "Message": message}
    return {"Error": {**said, **({"Item": item} if item else {})}}


def response(planned: Plan, body: Mapping[str, Any], *, is_success: bool) -> dict[str, Any]:
    """At the place of a statement whose call was answered with `body`."""
    table = {"TableName": planned.members["TableName"]}
    if not is_success:
        message = str(body.get("message") or body.get("Message") or "")
        return {**failed(str(body["__type"]), message, body.get("Item")), **table}
    return {**table, **({"Item": body["Items"][0]} if body.get("Items") else {})}


def transaction(plans: Sequence[Plan], given: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The call that does all of them, and its members."""
    items = [_item(each, asked) for each, asked in zip(plans, given["TransactStatements"], strict=True)]
    shared = {name: given[name] for name in ("ReturnConsumedCapacity",) if name in given}
    return ("TransactGetItems" if plans[0].is_read else "TransactWriteItems"), {"TransactItems": items, **shared}


def _item(planned: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    members = {name: value for name, value in planned.members.items() if name in _OF_TRANSACTIONS}
    if not planned.is_read:
        if planned.members.get("ReturnValues"):
            raise Refused("ValidationException", "RETURNING is not supported in the statements of a transaction")
        wanted = given.get("ReturnValuesOnConditionCheckFailure")
        more = {"ReturnValuesOnConditionCheckFailure": wanted} if wanted else {}
        return {_WRITES[planned.action]: {**members, **more}}
    if planned.key is None or "FilterExpression" in planned.members:
        text = "Select statements of a transaction must specify the primary key in the where clause, and nothing else"
        raise Refused("ValidationException", text)
    shown = members.get("ProjectionExpression")
    names = members.get("ExpressionAttributeNames", {})
    used = {name: path for name, path in names.items() if shown and name in shown.replace(".", ", ").split(", ")}
    get = {"TableName": members["TableName"], "Key": planned.key}
    projected = {"ProjectionExpression": shown, **({"ExpressionAttributeNames": used} if used else {})} if shown else {}
    return {"Get": {**get, **projected}}


def of_transaction(plans: Sequence[Plan], answer: Answer) -> Answer:
    """What the transaction's answer is to its statements: a place for each, and INSERT's own word for a duplicate."""
    body = orjson.loads(answer.body)
    if answer.is_success:
        return changed(answer, {"Responses": [{} for _ in plans], **body})
    reasons = body.get("CancellationReasons")
    if not reasons:
        return answer
    for planned, reason in zip(plans, reasons, strict=True):
        if planned.action == "PutItem" and reason.get("Code") == "ConditionalCheckFailed":
            reason |= {"Code": "DuplicateItem", "Message": DUPLICATE}
    codes = ", ".join(str(each.get("Code")) for each in reasons)
    text = f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]"
    told = {name: text for name in ("message", "Message") if name in body}
    return changed(answer, {**body, **told, "CancellationReasons": reasons})
