"""What DynamoDB's models cannot say of a request is refused in DynamoDB's words.

Adds to `moto.dynamodb` (moto 5.2): `DynamoHandler.transact_write_items` takes the first action of an item and fails on
one that has none; `batch_write_item` looks for whole items that are there twice, not for keys, and writes what comes
before an item that is too large; `ConditionExpressionParser._assert` fails on a filter that is none,
`DynamoDBBackend.update_item` on an update that changes nothing, which makes the item, and `FuncSize.expr` on an item
without the attribute whose size is asked for, which no condition on it lets through.
"""

from typing import Any

import orjson
from moto.dynamodb.comparisons import ConditionExpressionParser, FuncSize
from moto.dynamodb.exceptions import ItemSizeTooLarge, MockValidationException
from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.responses import DynamoHandler

from infrastructure.embedded.apis.dynamodb.capacity import attributes_size
from infrastructure.embedded.apis.dynamodb.patches.tables import LARGEST

_transact_write_items = DynamoHandler.transact_write_items
_SIZED = frozenset({"S", "SS", "NS", "B", "BS", "L", "M"})
_size = FuncSize.expr
_update_item = DynamoDBBackend.update_item
_batch_write_item = DynamoHandler.batch_write_item


def _transact_checked(handler: Any) -> Any:
    if any(len(item) != 1 for item in handler.body["TransactItems"]):
        raise MockValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
    return _transact_write_items(handler)


def _batch_checked(handler: Any) -> Any:
    """Nothing is written of a batch that names an item twice, or has one that is too large."""
    for name, requests in handler.body["RequestItems"].items():
        keys = handler.dynamodb_backend.get_table(name).table_key_attrs
        named = set()
        for each in requests:
            put, deleted = each.get("PutRequest"), each.get("DeleteRequest")
            item = put["Item"] if put else deleted["Key"] if deleted else {}
            named.add(orjson.dumps([item.get(key) for key in keys]))
            if put and attributes_size(item) > LARGEST:
                raise ItemSizeTooLarge
        if len(named) < len(requests):
            raise MockValidationException("Provided list of item keys contains duplicates")
    answer = _batch_write_item(handler)
    answer.result.pop("ConsumedCapacity", None)  # moto's is made up
    return answer


def _update(backend: Any, *arguments: Any, **named: Any) -> Any:
    if not named.get("update_expression") and named.get("attribute_updates") is None:
        named["attribute_updates"] = {}
    return _update_item(backend, *arguments, **named)


def _size_in(function: Any, item: Any) -> Any:
    """None for what has no size."""
    return _size(function, item) if function.attr.get_type(item) in _SIZED else None


def _assert(_parser: Any, condition: bool, message: str, nodes: Any) -> None:
    if not condition:
        text = " ".join(token.text for node in nodes for token in getattr(node, "children", None) or [node])
        raise MockValidationException(f"Invalid expression: Syntax error; {message}: {text}")


def install() -> None:
    """Replace them."""
    DynamoHandler.transact_write_items = _transact_checked
    DynamoHandler.batch_write_item = _batch_checked
    DynamoDBBackend.update_item = _update
    FuncSize.expr = _size_in
    ConditionExpressionParser._assert = _assert
