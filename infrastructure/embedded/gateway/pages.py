"""The daemon's own HTTP pages below `/_cafe/`: JSON for `cafe` and for whoever looks on."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import parse_qsl

import orjson

from infrastructure.embedded.gateway.call import Answer, HttpRequest

PREFIX = "/_cafe/"
_JSON = {"content-type": "application/json", "cache-control": "no-store"}

Page = Callable[[dict[str, str]], Awaitable[bytes | Answer]]
"""A page: query in, JSON out, or a whole answer where another status is due.

A POST arrives with its body under the key `BODY`, a DELETE with the key `METHOD`. A page whose name ends in a slash
takes every path below it; what follows the name is under the key `REST`.
"""
ECS_METADATA = "ecs-metadata/v4/"
LAMBDA_CODE = "lambda-code/"
OPEN = (ECS_METADATA, LAMBDA_CODE)
"""Pages that are not signed for, as on AWS: a task asks who it is before it has keys, which is no secret; the address
of a function's package is one itself, for ten minutes.
"""
BODY = "_body"
METHOD = "_method"
REST = "_rest"


def json_answer(status: int, value: object) -> Answer:
    """`value` as JSON with `status`."""
    return Answer(status=status, headers=dict(_JSON), body=orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))


class Pages:
    """Finds the page of a request; an unknown one is answered with the list of those there are."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self._pages = dict(pages)

    async def answer(self, request: HttpRequest) -> Answer:
        page, rest = self._find(request.path.removeprefix(PREFIX))
        if page is None:
            return json_answer(404, {"error": f"no such page: {request.path}", "pages": sorted(self._pages)})
        query = {**dict(parse_qsl(request.query, keep_blank_values=True)), REST: rest}
        query |= {METHOD: request.method, BODY: request.body.decode("utf-8", "replace")}
        result = await page(query)
        return result if isinstance(result, Answer) else Answer(status=200, headers=dict(_JSON), body=result)

    @staticmethod
    def is_open(request: HttpRequest) -> bool:
        """Whether anybody on this machine may ask for it."""
        return request.path.removeprefix(PREFIX).startswith(OPEN)

    def _find(self, path: str) -> tuple[Page | None, str]:
        """The page, and what follows its name."""
        exact = self._pages.get(path.strip("/"))
        if exact is not None:
            return exact, ""
        name = next((name for name in self._pages if name.endswith("/") and path.startswith(name)), "")
        return self._pages.get(name), path.removeprefix(name)
