"""The fields of a form and the one file in it (multipart/form-data), as S3 reads them: up to the file and no further.

Sources: RFC 7578; Amazon S3 API Reference, "POST Object", "HTML form fields": what comes before the file may be 20 KB.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder

from infrastructure.embedded.gateway.refused import Refused
from infrastructure.embedded.gateway.signing.forms import argument

BEFORE_FILE = 20_480
"""Bytes."""
_PARTS = 1_000
"""More fields than this do not fit in what may come before the file."""
_BOUNDARY = 70
"""Characters, by RFC 2046."""
_FILE = "file"
_DISPOSITION = "form-data"
_FILENAME = re.compile(r';[ \t]*filename="((?:\\"|[^"])*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """`fields` by their names in lower case. `filename` is as the browser says it; None when it says none."""

    fields: dict[str, str]
    filename: str | None
    file: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    name: str
    filename: str | None
    data: bytes
    end: int
    """Where it ends in the body; of the file, where it begins."""


def parsed(content_type: str, body: bytes) -> Form:
    """`Refused` as S3 refuses what is no form, a form without a file, and one with too much before it."""
    fields: dict[str, str] = {}
    try:
        for part in _parts(_boundary(content_type), body):
            if part.end > BEFORE_FILE:
                raise _too_much()
            if part.name == _FILE:
                return Form(fields=fields, filename=part.filename, file=part.data)
            if part.name in fields:
                raise argument("POST requires every field to be given once.", part.name, part.data.decode())
            fields[part.name] = part.data.decode()
    except (ValueError, RequestEntityTooLarge):
        text = "The body of your POST request is not well-formed multipart/form-data."
        raise Refused("MalformedPOSTRequest", text) from None
    raise argument("POST requires exactly one file upload per request.", _FILE, "0")


def _boundary(content_type: str) -> bytes:
    said = parse_options_header(content_type)[1].get("boundary", "")
    if not 1 <= len(said) <= _BOUNDARY:
        raise ValueError(f"the boundary is {said!r}")
    return said.encode()


def _parts(boundary: bytes, body: bytes) -> Iterator[_Part]:
    """One after another, so that nobody looks behind the file; `ValueError` where it is no form."""
    decoder = MultipartDecoder(boundary, max_parts=_PARTS)
    decoder.receive_data(body)
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, Field | File):
            begin = len(body) - len(decoder.buffer)
            name, data = _name(event), b"".join(_data(decoder))
            end = begin if name == _FILE else len(body) - len(decoder.buffer)
            yield _Part(name=name, filename=_filename(event), data=data, end=end)


def _name(event: Field | File) -> str:
    disposition = parse_options_header(event.headers["content-disposition"])[0]
    if disposition != _DISPOSITION or not event.name:  # werkzeug gives None for a part without a name
        raise ValueError(f"a part of a form is {disposition!r}")
    return event.name.lower()


def _filename(event: Field | File) -> str | None:
    """As it stands there: browsers do not escape the backslashes of a path, which werkzeug takes away."""
    found = _FILENAME.search(event.headers["content-disposition"])
    raw = found[1].replace('\\"', '"') if found else None
    return raw if raw is not None else event.filename if isinstance(event, File) else None


def _data(decoder: MultipartDecoder) -> Iterator[bytes]:
    more = True
    while more:
        event: Event = decoder.next_event()
        if not isinstance(event, Data):
            raise ValueError("a part has no end")  # noqa: TRY004 - of the form, not of a caller
        yield event.data
        more = event.more_data


def _too_much() -> Refused:
    text = "Your POST request fields preceeding the upload file was too large."
    return Refused("MaxPostPreDataLengthExceeded", text, MaxPostPreDataLengthBytes=BEFORE_FILE)
