"""Statements go the way of the calls that do the same: throttled, metered and refused as those are."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

from infrastructure.embedded.apis.dynamodb.cancelled import PREFIX, changed
from infrastructure.embedded.apis.dynamodb.partiql import several
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
    """Puts the calls that statements stand for in their place; everything else passes."""

    service: ClassVar[str] = "dynamodb"

    def __init__(self, backends: "Backends") -> None:
        self._backends = backends

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        try:
            match call.action:
                case "ExecuteStatement":
                    return await _execute(call, self._planned(call.parameters), call.parameters, handle)
                case "BatchExecuteStatement":
                    return await self._batch(call, handle)
                case "ExecuteTransaction":
                    return await self._transact(call, handle)
        except Refused as refused:
            return error(call, PREFIX + refused.code, refused.message, status=refused.status)
        return await handle(call)

    async def _batch(self, call: Call, handle: Handler) -> Answer:
        """Each by itself, and what becomes of it at its place; the batch as a whole succeeds."""
        given = call.parameters["Statements"]
        shared = {name: call.parameters[name] for name in ("ReturnConsumedCapacity",) if name in call.parameters}
        plans = [self._tried(each) for each in given]
        several.require_one_kind([each for each in plans if isinstance(each, Plan)])
        responses, consumed = [], list[Any]()
        for each, planned in zip(given, plans, strict=True):
            if isinstance(planned, Refused):
                responses.append(several.failed(planned.code, planned.message))
                continue
            try:
                answer = await _execute(call, planned, {**each, **shared}, handle)
            except Refused as refused:
                responses.append(several.failed(refused.code, refused.message))
                continue
            body = orjson.loads(answer.body)
            responses.append(several.response(planned, body, is_success=answer.is_success))
            consumed += [body["ConsumedCapacity"]] if "ConsumedCapacity" in body else []
        output = {"Responses": responses, **({"ConsumedCapacity": consumed} if consumed else {})}
        return Answer(status=200, headers={"content-type": "application/x-amz-json-1.0"}, body=orjson.dumps(output))

    def _tried(self, given: Mapping[str, Any]) -> Plan | Refused:
        """The plan of a statement of a batch, which is about one item; what is wrong with it is its own."""
        try:
            planned = self._planned(given)
            several.require_one_item(planned)
        except Refused as refused:
            return refused
        return planned

    async def _transact(self, call: Call, handle: Handler) -> Answer:
        """All or none, as TransactGetItems and TransactWriteItems do."""
        plans = [self._planned(each) for each in call.parameters["TransactStatements"]]
        several.require_one_kind(plans)
        action, members = several.transaction(plans, call.parameters)
        answer = await handle(_standing_for(call, action, members))
        return several.of_transaction(plans, answer)

    def _planned(self, given: Mapping[str, Any]) -> Plan:
        return plan(given["Statement"], given.get("Parameters") or (), self._keys_of)

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


async def _execute(call: Call, planned: Plan, given: Mapping[str, Any], handle: Handler) -> Answer:
    answer = await handle(_standing_for(call, planned.action, {**planned.members, **_options(planned, given)}))
    if planned.action == "PutItem" and b"ConditionalCheckFailedException" in answer.body and not answer.is_success:
        return error(call, f"{PREFIX}DuplicateItemException", several.DUPLICATE)
    return _as_of_statement(answer) if answer.is_success else answer


def _standing_for(call: Call, action: str, members: dict[str, Any]) -> Call:
    """The call of this name with these members, in the place of `call`; `Refused` when it is none."""
    api = call.api
    assert api is not None  # noqa: S101  it is DynamoDB's
    rules.check(api, action, members)
    headers = {**call.request.headers, "x-amz-target": f"{api.target}.{action}"}
    return replace(
        call,
        action=action,
        parameters=members,
        request=replace(call.request, headers=headers, body=orjson.dumps(members)),
        operation=codec.operation(api.model_name, action),
    )


def _options(planned: Plan, given: Mapping[str, Any]) -> dict[str, Any]:
    """The members that statement and call share, and where a SELECT goes on."""
    options = {
        name: given[name]
        for name in _PASSED_ON
        if given.get(name) is not None and (name == "ReturnConsumedCapacity" or planned.is_read == (name in _OF_READS))
    }
    if planned.is_read and given.get("NextToken"):
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
