"""Numbers are kept without zeros that say nothing, as DynamoDB gives them back.

Adds to `moto.dynamodb.models.dynamo_type.DynamoType.__init__` (moto 5.2), which keeps them as they were written.
One with an exponent stays. Source: Developer Guide, "Supported data types": "Leading and trailing zeroes are trimmed".
"""

from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType

_init = DynamoType.__init__


def _trimming(self: Any, given: Any) -> None:
    if type(given) is dict and len(given) == 1 and "S" in given:  # nearly all values are text
        self.type, self.value = "S", given["S"]
        return
    _init(self, given)
    if self.type == "N":
        self.value = trimmed(self.value)
    elif self.type == "NS":
        self.value = [trimmed(each) for each in self.value]


def trimmed(number: Any) -> Any:
    """A number without leading and trailing zeros; what is no text of one as it is."""
    if not isinstance(number, str) or (number.isdigit() and (number[0] != "0" or number == "0")):
        return number
    whole, dot, part = number.lstrip("+-").partition(".")
    if not (whole + part).isdigit():
        return number
    whole, part = whole.lstrip("0") or "0", part.rstrip("0") if dot else ""
    text = f"{whole}.{part}" if part else whole
    return f"-{text}" if number[0] == "-" and text != "0" else text


def install() -> None:
    """Trim."""
    DynamoType.__init__ = _trimming
