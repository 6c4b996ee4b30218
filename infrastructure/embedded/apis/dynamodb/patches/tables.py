"""DynamoDB tables whose calls cost what they touch, not what the table holds.

Replaces in `moto.dynamodb.models` (moto 5.2): `Table.query` and `Table.all_items`, which sort the whole table for every
query by comparing Decimals and dictionaries; the deep copies that `Table.query` and `Table.scan` make of what they only
read; the loop of `Item.__init__` that measures the item again for each attribute; and how `size` and
`DynamoType.cast_value`, by which keys are hashed and compared, are found. Results are the same.
"""

import copy
from typing import Any

from moto.dynamodb.exceptions import ItemSizeTooLarge
from moto.dynamodb.models import dynamo_type, table
from moto.dynamodb.models.dynamo_type import DynamoType, Item, LimitedSizeDict

LARGEST = 409_600
"""Bytes of an item at most: 400 KB. Source: Developer Guide, "Quotas". moto's limit is 405,000."""
_moto_query = table.Table.query
_moto_size = DynamoType.size
_moto_cast_value = DynamoType.cast_value.fget
_PARTITION = "_partition_asked_for"


class _Copies:
    """Stands for the `copy` module in moto's table module: items that are only read are not copied."""

    copy = staticmethod(copy.copy)

    @staticmethod
    def deepcopy(value: Any) -> Any:
        if isinstance(value, Item):
            return value
        if isinstance(value, list) and value and all(isinstance(each, Item) for each in value):
            return list(value)
        return copy.deepcopy(value)


def _query(self: Any, hash_key: Any, *arguments: Any, **keywords: Any) -> Any:
    """Within one partition, unless an index is asked."""
    index = keywords.get("index_name", arguments[6] if len(arguments) > 6 else None)
    if index is not None or hash_key is None:
        return _moto_query(self, hash_key, *arguments, **keywords)
    vars(self)[_PARTITION] = hash_key
    try:
        return _moto_query(self, hash_key, *arguments, **keywords)
    finally:
        del vars(self)[_PARTITION]


def _all_items(self: Any) -> list[Any]:
    """In order of the keys; while a query runs, those of its partition."""
    partition = vars(self).get(_PARTITION)
    if partition is not None:
        held = self.items.get(partition)
        groups = [] if held is None else [held]
    else:
        groups = list(self.items.values())
    if self.range_key_attr is None:
        return sorted(groups, key=lambda item: item.hash_key.cast_value)
    items = [item for group in groups for item in group.values()]
    return sorted(items, key=lambda item: (item.hash_key.cast_value, item.range_key.cast_value))


def _item(self: Any, hash_key: Any, range_key: Any, attrs: dict[str, Any]) -> None:
    """As moto's, with the size taken once."""
    self.hash_key = hash_key
    self.range_key = range_key
    values = {name: DynamoType(value) for name, value in attrs.items()}
    if sum(dynamo_type.bytesize(name) + value.size() for name, value in values.items()) > LARGEST:
        raise ItemSizeTooLarge
    self.attrs = LimitedSizeDict.__new__(LimitedSizeDict)
    dict.update(self.attrs, values)


def _size(self: Any) -> int:
    """As moto's, quick for the kinds that nearly all attributes are."""
    if self.type == "S":
        text: str = self.value
        return len(text) if text.isascii() else len(text.encode())
    if self.type == "N":
        return len(str(self.value))
    return int(_moto_size(self))


def _cast_value(self: Any) -> Any:
    """As moto's, quick for what nearly all keys are."""
    return self.value if self.type == "S" else _moto_cast_value(self)


def _item_size(self: Any) -> int:
    return sum(
        (len(name) if name.isascii() else len(name.encode())) + _size(value) for name, value in self.attrs.items()
    )


def install() -> None:
    """Replace them on moto's classes."""
    DynamoType.size = _size
    DynamoType.cast_value = property(_cast_value)
    Item.size = _item_size
    table.copy = _Copies
    table.Table.query = _query
    table.Table.all_items = _all_items
    Item.__init__ = _item
