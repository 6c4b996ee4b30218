"""What DynamoDB's models cannot say of a request is refused in DynamoDB's words.

Adds to `moto.dynamodb` (moto 5.2): `DynamoHandler.transact_write_items` takes the first action of an item and fails on
one that has none; `ConditionExpressionParser._assert` fails on a filter that is none.
"""

from typing import Any

from moto.dynamodb.comparisons import ConditionExpressionParser
from moto.dynamodb.exceptions import MockValidationException
from moto.dynamodb.responses import DynamoHandler

_transact_write_items = DynamoHandler.transact_write_items


def _transact_checked(handler: Any) -> Any:
    if any(len(item) != 1 for item in handler.body["TransactItems"]):
        raise MockValidationException("TransactItems can only contain one of Check, Put, Update or Delete")
    return _transact_write_items(handler)


def _assert(_parser: Any, condition: bool, message: str, nodes: Any) -> None:
    if not condition:
        text = " ".join(token.text for node in nodes for token in getattr(node, "children", None) or [node])
        raise MockValidationException(f"Invalid expression: Syntax error; {message}: {text}")


def install() -> None:
    """Replace both."""
    DynamoHandler.transact_write_items = _transact_checked
    ConditionExpressionParser._assert = _assert
