"""What is asked before anything else: version, health, discovery, OpenAPI."""

from infrastructure.embedded.gateway.call import Answer, HttpRequest
from infrastructure.embedded.kubernetes.api import answers
from infrastructure.embedded.kubernetes.schema import discovery, openapi, openapi_v2
from infrastructure.embedded.kubernetes.store import errors

_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})
_AGGREGATED = "g=apidiscovery.k8s.io"
_MOST_PARTS = 3


class Documents:
    """Answers paths that are about no object. `address` is the server's, as `host:port`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def answer(self, request: HttpRequest) -> Answer | None:
        """None for the path of an object, or of a list of objects."""
        path = request.path.rstrip("/")
        if path in _HEALTH:
            return answers.text("ok")
        if path == "/version":
            return answers.answer(discovery.version())
        if path.startswith("/openapi/"):
            return self._openapi(path)
        is_aggregated = _AGGREGATED in request.headers.get("accept", "") and "v=v2;" in request.headers.get(
            "accept", ""
        )
        if path in ("/api", "/apis") and is_aggregated:
            return answers.answer(discovery.aggregated(is_core=path == "/api"), content=discovery.AGGREGATED)
        found = self._list(path.strip("/").split("/"))
        if found is None and not _is_deeper(path):
            raise errors.unknown_path()
        return answers.answer(found) if found is not None else None

    def _list(self, parts: list[str]) -> discovery.Document | None:
        match parts:
            case ["api"]:
                return discovery.core_versions(self._address)
            case ["apis"]:
                return discovery.group_list()
            case ["api", version]:
                return discovery.resource_list("", version)
            case ["apis", group]:
                return discovery.group(group)
            case ["apis", group, version]:
                return discovery.resource_list(group, version)
        return None

    def _openapi(self, path: str) -> Answer:
        if path == "/openapi/v2":
            return answers.answer(openapi_v2.document(), content=openapi_v2.MEDIA_TYPE)
        if path == "/openapi/v3":
            return answers.answer(openapi.index())
        parts = path.removeprefix("/openapi/v3/").split("/")
        group, version = (parts[1], parts[2]) if len(parts) == _MOST_PARTS else ("", parts[-1])
        found = openapi.document(group, version) if path.startswith("/openapi/v3/") else None
        if found is None:
            raise errors.unknown_path()
        return answers.answer(found)


def _is_deeper(path: str) -> bool:
    """Whether the path may be one of an object."""
    parts = path.strip("/").split("/")
    return (parts[0] == "api" and len(parts) > 2) or (parts[0] == "apis" and len(parts) > _MOST_PARTS)
