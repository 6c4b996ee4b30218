"""What DynamoDB refuses of a request before it looks at a table, and its service model does not say.

Sources: Amazon DynamoDB Developer Guide, "Quotas" (numbers), API Reference, BatchWriteItem, BatchGetItem, CreateTable.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from infrastructure.embedded.gateway.api import names
from infrastructure.embedded.gateway.refused import Refused

MOST_DIGITS = 38
LARGEST_EXPONENT, SMALLEST_EXPONENT = 125, -130
MOST_WRITES, MOST_READS = 25, 100
"""Items of one batch, over all its tables."""
PER_INDEX = "GlobalSecondaryIndexes"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WITH_ITEMS = names("BatchGetItem DeleteItem GetItem PutItem Query Scan TransactGetItems TransactWriteItems UpdateItem")
Members = Mapping[str, Any]


def invalid(message: str) -> Refused:
    """A request that DynamoDB does not take."""
    return Refused("ValidationException", message)


def _check_numbers(given: Members) -> None:
    for text in _numbers(given):
        if len(text) > MOST_DIGITS or not text.isdigit() or not text.isascii():
            _check_number(text)


def _numbers(value: object) -> Iterator[str]:
    """Every number in a part of a request, in DynamoDB's JSON."""
    if isinstance(value, dict):
        for kind, content in value.items():
            if kind == "N" and isinstance(content, str):
                yield content
            elif kind == "NS" and isinstance(content, list):
                yield from (each for each in content if isinstance(each, str))
            elif isinstance(content, (dict, list)):
                yield from _numbers(content)
    elif isinstance(value, list):
        for each in value:
            yield from _numbers(each)


def _check_number(text: str) -> None:
    if not _NUMBER.fullmatch(text):
        raise invalid(f"The parameter cannot be converted to a numeric value: {text}")
    number = Decimal(text)
    significant = "".join(map(str, number.as_tuple().digits)).strip("0")
    if len(significant) > MOST_DIGITS:
        raise invalid(f"Attempting to store more than {MOST_DIGITS} significant digits in a Number")
    if number and number.adjusted() > LARGEST_EXPONENT:
        raise invalid("Number overflow. Attempting to store a number with magnitude larger than supported range")
    if number and number.adjusted() < SMALLEST_EXPONENT:
        raise invalid("Number underflow. Attempting to store a number with magnitude smaller than supported range")


def _check_batch_write(given: Members) -> None:
    if sum(map(len, given["RequestItems"].values())) > MOST_WRITES:
        raise invalid("Too many items requested for the BatchWriteItem call")
    _check_numbers(given)


def _check_batch_get(given: Members) -> None:
    if sum(len(each.get("Keys", ())) for each in given["RequestItems"].values()) > MOST_READS:
        raise invalid("Too many items requested for the BatchGetItem call")
    _check_numbers(given)


def _check_create(given: Members) -> None:
    """Throughput is the table's and each index's own, or nobody's."""
    is_on_demand = given.get("BillingMode") == "PAY_PER_REQUEST"
    for index in given.get(PER_INDEX) or ():
        check_index(index, is_on_demand=is_on_demand)


def check_index(index: Members, *, is_on_demand: bool) -> None:
    """Raise `Refused` for an index of a table with the wrong kind of throughput."""
    if is_on_demand and index.get("ProvisionedThroughput"):
        raise invalid(
            "One or more parameter values were invalid: ProvisionedThroughput should not be specified for index: "
            f"{index['IndexName']} when BillingMode is PAY_PER_REQUEST"
        )
    if not is_on_demand and not index.get("ProvisionedThroughput"):
        raise invalid(
            "One or more parameter values were invalid: ProvisionedThroughput must be specified for index: "
            f"{index['IndexName']}"
        )


RULES: Mapping[str, Callable[[Members], None]] = {
    **dict.fromkeys(_WITH_ITEMS, _check_numbers),
    "BatchGetItem": _check_batch_get,
    "BatchWriteItem": _check_batch_write,
    "CreateTable": _check_create,
}
