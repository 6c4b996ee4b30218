"""Frames of SPDY/3.1, as far as clients of Kubernetes use it: streams that are opened, written to and ended.

A control frame is `1 version:15 type:16 flags:8 length:24`, a data frame `0 stream:31 flags:8 length:24`. Names and
values of a stream are compressed, by one dictionary for all. There are no windows: Kubernetes' own side has none.
Source: https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/
"""

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

DATA, OPEN, REPLY, RESET, PING = 0, 1, 2, 3, 6
REFUSED = 3
"""Why a stream is reset: it is not taken."""
_CONTROL, _VERSION, _LAST = 1 << 31, 3, 1
_HEADER = 8
_LONGEST, _LONGEST_CONTROL, _LONGEST_NAMES = 1 << 20, 64 << 10, 64 << 10
_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow "
    "authorization cache-control connection content-base content-encoding content-language content-length "
    "content-location content-md5 content-range content-type date etag expect expires from host if-match "
    "if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie "
    "keep-alive origin"
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative "
    "Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 "
    "Internal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec "
    "00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xml,"
    "application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8"
    "charset=iso-8859-1,utf-,*,enq=0."
)


def _text(text: str) -> bytes:
    return len(text).to_bytes(4, "big") + text.encode()


DICTIONARY = b"".join(_text(each.replace("_", " ")) for each in _WORDS.split()) + _TEXT.encode()


class Broken(Exception):
    """What comes is no SPDY, or more than is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One that came. `stream` is a ping's number, too; `is_last` says that the client sends no more on the stream."""

    kind: int
    stream: int = 0
    data: bytes = b""
    is_last: bool = False
    names: Mapping[str, str] = field(default_factory=dict)


class Reader:
    """Makes frames of what comes, however it is cut. `Broken`."""

    def __init__(self) -> None:
        self._rest = b""
        self._inflating = zlib.decompressobj(zdict=DICTIONARY)

    def frames(self, part: bytes) -> Iterator[Frame]:
        self._rest += part
        while len(self._rest) >= _HEADER:
            first, second = (int.from_bytes(self._rest[at : at + 4], "big") for at in (0, 4))
            length = second & 0xFFFFFF
            if length > (_LONGEST_CONTROL if first & _CONTROL else _LONGEST):
                raise Broken(f"a frame of {length} bytes")
            if len(self._rest) < _HEADER + length:
                return
            body, self._rest = self._rest[_HEADER : _HEADER + length], self._rest[_HEADER + length :]
            yield self._frame(first, is_last=bool(second >> 24 & _LAST), body=body)

    def _frame(self, first: int, *, is_last: bool, body: bytes) -> Frame:
        if not first & _CONTROL:
            return Frame(kind=DATA, stream=first, data=body, is_last=is_last)
        if first >> 16 & 0x7FFF != _VERSION:
            raise Broken(f"version {first >> 16 & 0x7FFF}, and not {_VERSION}")
        kind, stream = first & 0xFFFF, int.from_bytes(body[:4], "big")
        if kind != OPEN:
            return Frame(kind=kind, stream=stream, is_last=is_last)
        return Frame(kind=kind, stream=stream & ~_CONTROL, is_last=is_last, names=self._names(body[10:]))

    def _names(self, packed: bytes) -> Mapping[str, str]:
        try:
            text = self._inflating.decompress(packed, _LONGEST_NAMES)
        except zlib.error as problem:
            raise Broken(str(problem)) from problem
        if self._inflating.unconsumed_tail:
            raise Broken("the names of a stream are too long")
        words, at = [], 4
        while at < len(text):
            end = at + 4 + int.from_bytes(text[at : at + 4], "big")
            words.append(text[at + 4 : end].decode(errors="replace"))
            at = end
        return dict(zip(words[::2], words[1::2], strict=False))


class Writer:
    """Makes the bytes of frames."""

    def __init__(self) -> None:
        self._deflating = zlib.compressobj(zdict=DICTIONARY)

    def reply(self, stream: int) -> bytes:
        """The stream is open."""
        none = self._deflating.compress(bytes(4)) + self._deflating.flush(zlib.Z_SYNC_FLUSH)
        return _control(REPLY, stream.to_bytes(4, "big") + none)

    @staticmethod
    def data(stream: int, data: bytes, *, is_last: bool = False) -> bytes:
        return stream.to_bytes(4, "big") + bytes([_LAST * is_last]) + len(data).to_bytes(3, "big") + data

    @staticmethod
    def reset(stream: int, why: int) -> bytes:
        return _control(RESET, stream.to_bytes(4, "big") + why.to_bytes(4, "big"))

    @staticmethod
    def ping(number: int) -> bytes:
        return _control(PING, number.to_bytes(4, "big"))


def _control(kind: int, body: bytes) -> bytes:
    return (_CONTROL | _VERSION << 16 | kind).to_bytes(4, "big") + len(body).to_bytes(4, "big") + body
