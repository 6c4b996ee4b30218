"""The result of a statement, kept as a file of pages: a large one costs neither process its memory.

A page is a JSON list of records, complete by itself; who reads knows where each begins.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from infrastructure.embedded.engines.warehouse.fields import Column, column, encoders

PAGE_ROWS = 1000
MOST_BYTES = 500 << 20
MOST_ROW_BYTES = 64 << 10
"""Of a result, and of a row of one: what the Data API passes on.

Source: Amazon Redshift Management Guide, "Considerations when calling the Amazon Redshift Data API".
"""


class TooLarge(Exception):
    """A result, or a row of one, that the Data API does not pass on; the text is AWS's."""


def write(cursor: Any, file: Path) -> dict[str, Any]:
    """Fetch all that `cursor` has into `file`: its columns, rows, bytes, and where each page ends. `TooLarge`.

    Whatever is raised, there is no file then.
    """
    try:
        return _written(cursor, file)
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _written(cursor: Any, file: Path) -> dict[str, Any]:
    columns = [column(each[0], each[1]) for each in cursor.description]
    rows, size, ends = 0, 0, []
    with file.open("wb") as out:
        for count, page in _pages(cursor, columns):
            size += out.write(page)
            rows += count
            if size > MOST_BYTES:
                raise TooLarge("Database response exceeded size limit")
            ends.append((size, rows))
    return {"columns": [each.plain() for each in columns], "rows": rows, "bytes": size, "pages": ends}


def _pages(cursor: Any, columns: list[Column]) -> Iterator[tuple[int, bytes]]:
    encode = encoders(columns)
    while found := cursor.fetchmany(PAGE_ROWS):
        page = orjson.dumps([[to(value) for to, value in zip(encode, row, strict=True)] for row in found])
        if len(page) > MOST_ROW_BYTES and any(_is_too_wide(row) for row in found):
            raise TooLarge("Packet for query is too large")
        yield len(found), page


def _is_too_wide(row: tuple[Any, ...]) -> bool:
    return sum(len(value) if isinstance(value, str | bytes) else 8 for value in row) > MOST_ROW_BYTES


def read(file: Path, start: int, end: int) -> bytes:
    """The records of one page, which lies between these bytes, as JSON."""
    with file.open("rb") as pages:
        pages.seek(start)
        return pages.read(end - start)
