"""Which API a request is for: by the name it is signed for, then by what tells apart those that share it."""

from collections.abc import Callable, Iterable, Mapping

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import HttpRequest

Owns = Callable[[str, Mapping[str, object]], bool]
"""Whether a call (operation, members) is about a record of an API that shares its signing name with another."""


class Router:
    """Finds the API. `ValueError` when two of `apis` claim the same calls."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self.apis = tuple(apis)
        self._by_name: dict[str, tuple[Api, ...]] = {}
        self._owners: dict[str, Owns] = {}
        for api in self.apis:
            siblings = self._by_name.get(api.name, ())
            for sibling in siblings:
                if _claims(api) == _claims(sibling):
                    raise ValueError(f"two APIs claim the calls signed for {api.name!r}: {_claims(api)}")
            self._by_name[api.name] = (*siblings, api)

    def find(self, service: str, request: HttpRequest) -> Api | None:
        """The API of a request signed for `service`; None when the embedded cloud does not provide it."""
        named = self._by_name.get(service, ())
        if len(named) == 1:
            return named[0] if _serves(named[0], request) else None
        found = [api for api in named if _serves(api, request)]
        if len(found) <= 1:
            return found[0] if found else None
        return self._of_engine(found, request)

    def named(self, service: str) -> Api | None:
        """The API signed as `service` when there is but one, or the one without an engine of its own."""
        found = self._by_name.get(service, ())
        return next((api for api in found if not api.engines), found[0] if found else None)

    def _of_engine(self, apis: list[Api], request: HttpRequest) -> Api:
        """By the engine that the call names, or whose record it is about; else the one without an engine of its own.

        So that one lists what all of them have: an engine that is only filtered by names no API.
        """
        form = request.form
        for api in apis:
            owns = self._owners.get(api.model_name)
            if form.get("Engine") in api.engines or (owns is not None and owns(form.get("Action", ""), form)):
                return api
        return next((api for api in apis if not api.engines), apis[0])

    def own(self, model_name: str, owns: Owns) -> None:
        """Let calls be routed to the API that `model_name` names when `owns` says that they are about its records."""
        self._owners[model_name] = owns


def _claims(api: Api) -> tuple[object, ...]:
    return (api.name, api.version, api.target, api.path, api.engines)


def _serves(api: Api, request: HttpRequest) -> bool:
    """Whether it is of this API, not of a sibling with the same signing name (DynamoDB Streams, ELB v1)."""
    if api.path and not request.path.startswith(api.path):
        return False
    target = request.headers.get("x-amz-target", "")
    if target:
        return not api.target or target.startswith(f"{api.target}.")
    return not api.version or not (request.is_form or "Action=" in request.query) or _version(request) == api.version


def _version(request: HttpRequest) -> str:
    return request.form.get("Version", "")
