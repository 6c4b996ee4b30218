"""Packages of code as they were uploaded, at URLs that nobody can guess: what GetFunction gives as `Location`.

On AWS it is a presigned URL of a bucket of the service's own, which holds for ten minutes; so does this one.
"""

import asyncio
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from infrastructure.embedded.gateway.call import Answer
from infrastructure.embedded.gateway.pages import PREFIX, REST, json_answer

PAGE = "lambda-code/"
VALID_S = 600.0


class Archives:
    """Gives URLs of archives below `url`, the control plane's; `page` answers them. `clock` in Unix seconds."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        self._given: dict[str, tuple[Path, float]] = {}
        """The archive and until when it can be fetched, by the secret in the URL; the oldest first."""

    def location(self, archive: Path) -> str:
        """Where the archive can be fetched for the next ten minutes."""
        now = self._clock()
        for token in [token for token, (_, until) in self._given.items() if until <= now]:
            del self._given[token]
        token = secrets.token_urlsafe(32)
        self._given[token] = (archive, now + VALID_S)
        return f"{self._url}{PREFIX}{PAGE}{token}"

    async def page(self, query: dict[str, str]) -> Answer:
        """The archive that the rest of the path is the secret of."""
        archive, until = self._given.get(query[REST], (None, 0.0))
        if archive is None or until <= self._clock():
            return json_answer(403, {"error": "the URL is none that was given, or has expired"})
        try:
            content = await asyncio.to_thread(archive.read_bytes)
        except FileNotFoundError:
            return json_answer(404, {"error": "the package is not there yet, or not any more"})
        return Answer(status=200, headers={"content-type": "application/zip"}, body=content)
