"""The result of one SQL text: columns, and pages in a file that goes when the statement is forgotten.

A page has at most a thousand rows; its token is its number. In the format CSV the same pages are written as CSV.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from infrastructure.embedded.engines.warehouse import pages
from infrastructure.embedded.engines.warehouse.fields import Column
from infrastructure.embedded.gateway.codec import Ready
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Where it lies. `ends`: byte and row at which each page ends."""

    file: Path
    columns: tuple[Column, ...]
    rows: int
    size: int
    ends: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, file: Path, answer: Mapping[str, Any]) -> "Result":
        """The result that the warehouse wrote into `file`."""
        return cls(
            file=file,
            columns=tuple(Column(**each) for each in answer["columns"]),
            rows=int(answer["rows"]),
            size=int(answer["bytes"]),
            ends=tuple((int(at), int(row)) for at, row in answer["pages"]),
        )

    def page(self, token: str | None, *, as_csv: bool) -> Ready:
        """One page as GetStatementResult, or its second version for CSV, gives it; `Refused` for a made-up token."""
        number = self._number(token)
        records = self._records(number)
        found = Ready(
            Records=orjson.Fragment(records),
            ColumnMetadata=[each.described() for each in self.columns],
            TotalNumRows=self.rows,
        )
        if as_csv:
            found["Records"] = [{"CSVRecords": _csv(orjson.loads(records))}]
            found["ResultFormat"] = "CSV"
        if number + 1 < len(self.ends):
            found["NextToken"] = str(number + 1)
        return found

    def values(self) -> list[list[Any]]:
        """All rows, each value as its field has it; for results that are small."""
        records = [orjson.loads(self._records(number)) for number in range(len(self.ends))]
        return [[_value(field) for field in row] for page in records for row in page]

    def _number(self, token: str | None) -> int:
        if token is None:
            return 0
        if not token.isdecimal() or not 0 < int(token) < len(self.ends):
            raise Refused("ValidationException", f"Invalid NextToken: {token}")
        return int(token)

    def _records(self, number: int) -> bytes:
        """As they lie in the file."""
        if not self.ends:
            return b"[]"
        start = self.ends[number - 1][0] if number else 0
        return pages.read(self.file, start, self.ends[number][0])

    def forget(self) -> None:
        self.file.unlink(missing_ok=True)


def paged(name: str, found: Sequence[Any], given: Mapping[str, Any], most: int) -> Ready:
    """One page of a list, as an output that calls it `name`; `Refused` for a token that is none of ours."""
    try:
        listed, token = page(found, given.get("NextToken"), given.get("MaxResults") or most)
    except ValueError as problem:
        raise Refused("ValidationException", f"Invalid NextToken: {given.get('NextToken')}") from problem
    return Ready({name: listed, **({"NextToken": token} if token else {})})


def _csv(records: Sequence[Sequence[Mapping[str, Any]]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([_plain(field) for field in record] for record in records)
    return text.getvalue()


def _value(field: Mapping[str, Any]) -> Any:
    name, value = next(iter(field.items()))
    return None if name == "isNull" else value


def _plain(field: Mapping[str, Any]) -> Any:
    value = _value(field)
    return "" if value is None else (str(value).lower() if isinstance(value, bool) else value)
