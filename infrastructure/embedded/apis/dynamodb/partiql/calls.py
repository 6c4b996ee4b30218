"""ExecuteStatement goes the way of the call that does the same: throttled, metered and refused as that is."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from infrastructure.embedded.apis.dynamodb.cancelled import PREFIX, changed
from infrastructure.embedded.apis.dynamodb.partiql.statements import Keys, Plan, plan
from infrastructure.embedded.gateway import codec
from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.checks import rules
from infrastructure.embedded.gateway.errors import error
from infrastructure.embedded.gateway.refused import Refused

if TYPE_CHECKING:
    from infrastructure.embedded.moto.records import Backends

_PASSED_ON = ("ConsistentRead", "Limit", "ReturnConsumedCapacity", "ReturnValuesOnConditionCheckFailure")
_OF_READS = ("ConsistentRead", "Limit")


class Statements:
    """Puts the call that a statement stands for in its place; everything else passes."""

    service: ClassVar[str] = "dynamodb"

    def __init__(self, backends: "Backends") -> None:
        self._backends = backends

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        if call.action != "ExecuteStatement" or call.api is None:
            return await handle(call)
        given = call.parameters
        try:
            planned = plan(given["Statement"], given.get("Parameters") or (), self._keys_of)
            members = {**planned.members, **_options(planned, given)}
            rules.check(call.api, planned.action, members)
        except Refused as refused:
            return error(call, PREFIX + refused.code, refused.message, status=refused.status)
        target = f"{call.api.target}.{planned.action}"
        headers = {**call.request.headers, "x-amz-target": target}
        asked = replace(
            call,
            action=planned.action,
            parameters=members,
            request=replace(call.request, headers=headers, body=orjson.dumps(members)),
            operation=codec.operation(call.api.model_name, planned.action),
        )
        answer = await handle(asked)
        if planned.action == "PutItem" and b"ConditionalCheckFailedException" in answer.body and not answer.is_success:
            return error(call, f"{PREFIX}DuplicateItemException", "Duplicate primary key exists in table")
        return _as_of_statement(answer) if answer.is_success else answer

    def _keys_of(self, table: str, index: str | None) -> Keys:
        record = self._backends.dynamodb.tables.get(table)
        if record is None:
            raise Refused("ResourceNotFoundException", "Requested resource not found")
        if index is None:
            return record.hash_key_attr, record.range_key_attr
        found = next((each for each in (*record.indexes, *record.global_indexes) if each.name == index), None)
        if found is None:
            raise Refused("ValidationException", f"The table does not have the specified index: {index}")
        keys = {each["KeyType"]: each["AttributeName"] for each in found.schema}
        return keys["HASH"], keys.get("RANGE")


def _options(planned: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The members that statement and call share, and where a SELECT goes on."""
    is_read = planned.action in ("Query", "Scan")
    options = {
        name: given[name]
        for name in _PASSED_ON
        if given.get(name) is not None and (name == "ReturnConsumedCapacity" or is_read == (name in _OF_READS))
    }
    if is_read and given.get("NextToken"):
        try:
            options["ExclusiveStartKey"] = orjson.loads(base64.urlsafe_b64decode(given["NextToken"]))
        except ValueError:
            raise Refused("ValidationException", "The provided starting key is invalid") from None
    return options


def _as_of_statement(answer: Answer) -> Answer:
    body = orjson.loads(answer.body)
    items = [body["Attributes"]] if body.get("Attributes") else body.get("Items", [])
    output = {"Items": items, **{name: body[name] for name in ("ConsumedCapacity", "LastEvaluatedKey") if name in body}}
    if "LastEvaluatedKey" in body:
        output["NextToken"] = base64.urlsafe_b64encode(orjson.dumps(body["LastEvaluatedKey"])).decode()
    return changed(answer, output)
