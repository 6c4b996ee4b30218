"""Lists pods, then watches them many times over: `python -m plugins.bench.pods.clients URL LISTS WATCHERS`.

Reads one line of JSON: the token and the authority. Writes one line of JSON: of each list its length in seconds and the
number of pods in it; then `ready` once all watchers are connected; then a line for each event at each of them: its
version, and when it was read on the clock that all processes share.
"""

import asyncio
import json
import re
import ssl
import sys
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

_VERSION = re.compile(rb'"resourceVersion":"(\d+)"')
_LONGEST = 1 << 20


async def main(url: str, lists: int, count: int) -> None:
    """Until it is ended."""
    given = json.loads(sys.stdin.readline())
    ask = Ask(url, given["token"], ssl.create_default_context(cadata=given["authority"]))
    _write(json.dumps([await _timed_list(ask) for _ in range(lists)]))
    streams = [await _connected(ask) for _ in range(count)]
    _write("ready")
    await asyncio.gather(*(_follow(reader) for reader, _ in streams))


@dataclass(frozen=True, slots=True)
class Ask:
    """Opens connections, each with one request on it."""

    url: str
    token: str
    context: ssl.SSLContext

    async def __call__(self, query: str, *more: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self.url)
        streams = await asyncio.open_connection(parts.hostname, parts.port, ssl=self.context, limit=_LONGEST)
        target, auth = f"{parts.path}{query}", f"authorization: Bearer {self.token}"
        streams[1].write("\r\n".join((f"GET {target} HTTP/1.1", f"host: {parts.netloc}", auth, *more, "", "")).encode())
        return streams


async def _timed_list(ask: Ask) -> tuple[float, int]:
    began = time.monotonic()
    reader, writer = await ask("", "connection: close")
    body = await reader.read()
    writer.close()
    return time.monotonic() - began, body.count(b'"schedulerName"')


async def _connected(ask: Ask) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A watch from now on, as far as the end of its headers; a writer that nobody keeps closes its connection."""
    reader, writer = await ask("?limit=1", "connection: close")
    found = _VERSION.search((await reader.read()).partition(b"\r\n\r\n")[2])
    writer.close()
    reader, writer = await ask(f"?watch=true&timeoutSeconds=600&resourceVersion={found[1].decode() if found else 0}")
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def _follow(reader: asyncio.StreamReader) -> None:
    while line := await reader.readline():
        at, found = time.monotonic(), _VERSION.search(line)
        if found and b'"type":"MODIFIED"' in line:
            _write(f"{found[1].decode()} {at!r}")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
