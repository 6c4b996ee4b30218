"""`filter`: which rows a query of Logs Insights keeps. Pure."""

from collections.abc import Callable, Mapping

from infrastructure.embedded.apis.logs.insights.reader import Reader, number

Row = Mapping[str, str]
Condition = Callable[[Row], bool]


def condition(reader: Reader) -> Condition:
    """`a or b and not (c)`, of comparisons."""
    parts = [_both(reader)]
    while reader.take("or"):
        parts.append(_both(reader))
    return lambda row: any(part(row) for part in parts)


def _both(reader: Reader) -> Condition:
    parts = [_one(reader)]
    while reader.take("and"):
        parts.append(_one(reader))
    return lambda row: all(part(row) for part in parts)


def _one(reader: Reader) -> Condition:
    if reader.take("not"):
        inner = _one(reader)
        return lambda row: not inner(row)
    if reader.take("("):
        inner = condition(reader)
        reader.need(")")
        return inner
    if reader.take("ispresent"):
        reader.need("(")
        name = reader.field()
        reader.need(")")
        return lambda row: name in row
    return _compared(reader, reader.field())


def _compared(reader: Reader, name: str) -> Condition:
    is_not = bool(reader.take("not"))
    if reader.take("like", "=~"):
        matches = reader.matching()
        return lambda row: name in row and matches(row[name]) is not is_not
    if reader.take("in"):
        wanted = reader.listed()
        return lambda row: name in row and any(_order(row[name], each) == 0 for each in wanted) is not is_not
    sign = "" if is_not else reader.take(*_SIGNS)
    if not sign:
        raise reader.unexpected()
    value, holds = reader.value(), _SIGNS[sign]
    return lambda row: name in row and holds(_order(row[name], value))


_SIGNS: Mapping[str, Callable[[int], bool]] = {
    "=": lambda order: order == 0,
    "!=": lambda order: order != 0,
    "<": lambda order: order < 0,
    "<=": lambda order: order <= 0,
    ">": lambda order: order > 0,
    ">=": lambda order: order >= 0,
}


def _order(one: str, other: str) -> int:
    """-1, 0 or 1."""
    numbers = number(one), number(other)
    left, right = (one, other) if None in numbers else numbers
    return (left > right) - (left < right)  # type: ignore[operator]  # both are text, or both are numbers
