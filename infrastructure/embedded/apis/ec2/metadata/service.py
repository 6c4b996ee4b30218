"""What the metadata service of one instance answers: IMDSv1, and IMDSv2 with its tokens.

    PUT /latest/api/token   X-aws-ec2-metadata-token-ttl-seconds: 1 … 21600  ─▶ token
    GET /latest/…           X-aws-ec2-metadata-token                         ─▶ text, or the names below

Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import unquote

from infrastructure.embedded.apis.ec2.metadata.tokens import LONGEST_S, Tokens
from infrastructure.embedded.apis.ec2.metadata.tree import VERSIONS, Facts, find, tree
from infrastructure.embedded.host.doorway import HttpRequest

TOKEN = "x-aws-ec2-metadata-token"  # noqa: S105  a header's name
TTL = "x-aws-ec2-metadata-token-ttl-seconds"
_TOKEN_PATH = "/latest/api/token"  # noqa: S105  a path


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """As HTTP has it."""

    status: HTTPStatus
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is to be answered at this moment. `facts` is asked once it is known that there is an answer."""

    is_enabled: bool
    needs_token: bool
    facts: Callable[[], Facts]


@dataclass(frozen=True, slots=True)
class MetadataService:
    """One instance's. `view` is asked anew for each request, so that a change acts at once."""

    tokens: Tokens
    view: Callable[[], View]

    def answer(self, request: HttpRequest) -> Answer:
        view = self.view()
        path = unquote(request.path.partition("?")[0])
        if not view.is_enabled:
            return _failed(HTTPStatus.FORBIDDEN)
        if request.method == "PUT":
            return self._token(request) if path.rstrip("/") == _TOKEN_PATH else _failed(HTTPStatus.METHOD_NOT_ALLOWED)
        if request.method not in ("GET", "HEAD"):
            return _failed(HTTPStatus.METHOD_NOT_ALLOWED)
        token = request.headers.get(TOKEN)
        if view.needs_token if token is None else not self.tokens.is_good(token):
            return _failed(HTTPStatus.UNAUTHORIZED)
        return _read(path, view)

    def _token(self, request: HttpRequest) -> Answer:
        """A request that came through a proxy gets none, so that none leaves the instance by mistake."""
        if "x-forwarded-for" in request.headers:
            return _failed(HTTPStatus.FORBIDDEN)
        wanted = request.headers.get(TTL, "").strip()
        if not (wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= LONGEST_S):
            return _failed(HTTPStatus.BAD_REQUEST)
        return Answer(status=HTTPStatus.OK, text=self.tokens.issue(int(wanted)), headers={TTL: wanted})


def _read(path: str, view: View) -> Answer:
    version, _, below = path.lstrip("/").partition("/")
    if not version:
        return Answer(status=HTTPStatus.OK, text="\n".join(VERSIONS))
    text = find(tree(view.facts()), below) if version in VERSIONS else None
    return _failed(HTTPStatus.NOT_FOUND) if text is None else Answer(status=HTTPStatus.OK, text=text)


def _failed(status: HTTPStatus) -> Answer:
    title = f"{status.value} - {status.phrase}"
    page = f"<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
    return Answer(status=status, text=page, headers={"Content-Type": "text/html"})
