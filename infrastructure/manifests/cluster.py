"""The way to a cluster, and what is asked of it, by the official client. It takes a second to import: see `warm`."""

import contextlib
import json
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infrastructure.errors import EnvironmentFault

MANAGER = "cafe"
"""Whose fields the objects' are that it applies."""
_ANSWER_S = 30.0
_LOG_LINES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterAccess:
    """How a cluster is reached: `authority` is its own, in PEM; `patience_s` is how long a rollout may take."""

    name: str
    host: str
    authority: bytes
    token: Callable[[], str] = field(repr=False)
    patience_s: float = 600.0


def warm() -> threading.Thread:
    """Import the client beside other work; join before it is used."""
    thread = threading.Thread(target=_import, name="import kubernetes", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    import kubernetes.dynamic  # noqa: F401 - only to have it loaded


class Refused(Exception):
    """The API's Status: its text names the field and says why."""


class ClusterClient:
    """Objects of a cluster as JSON has them. Close it, or use it as a context manager."""

    def __init__(self, access: ClusterAccess) -> None:
        from kubernetes import client, dynamic

        settings = client.Configuration(host=access.host, ca_cert_data=access.authority.decode())
        settings.api_key["BearerToken"] = access.token()
        settings.api_key_prefix["BearerToken"] = "Bearer"
        self._api = client.ApiClient(settings)
        self._folder = tempfile.TemporaryDirectory(prefix="cafe-discovery-")
        # Its own place is a file in /tmp that anybody may have put there, named after the address alone.
        cache = str(Path(self._folder.name) / "discovery.json")
        with _understood(access.name):
            self._dynamic = dynamic.DynamicClient(self._api, cache_file=cache)
        self._name = access.name

    def __enter__(self) -> "ClusterClient":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._folder.cleanup()

    def apply(self, document: Mapping[str, Any], *, is_dry: bool = False) -> Mapping[str, Any]:
        """Apply one object server-side; as the cluster has it now. `Refused` in the API's words."""
        with _understood(self._name):
            found = self._dynamic.server_side_apply(
                self._kind(str(document["apiVersion"]), str(document["kind"])),
                body=dict(document),
                field_manager=MANAGER,
                force_conflicts=True,
                query_params=[("fieldValidation", "Strict"), *([("dryRun", "All")] if is_dry else [])],
                _request_timeout=_ANSWER_S,
            )
        return dict(found.to_dict())

    def list(self, version: str, kind: str, namespace: str) -> list[Mapping[str, Any]]:
        with _understood(self._name):
            found = self._dynamic.get(self._kind(version, kind), namespace=namespace, _request_timeout=_ANSWER_S)
        return list(found.to_dict()["items"])

    def watch(
        self, version: str, kind: str, namespace: str, within_s: float
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is there and what becomes of it (`ADDED`, `MODIFIED`, `DELETED`), for `within_s` seconds."""
        with _understood(self._name):
            found = self._kind(version, kind)
            for event in self._dynamic.watch(found, namespace=namespace, timeout=max(int(within_s), 1)):
                yield str(event["type"]), event["raw_object"]

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> tuple[str, ...]:
        """The last lines of a container; none when it has no log."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = [("container", container), ("tailLines", str(_LOG_LINES)), ("previous", str(previous).lower())]
        try:
            with _understood(self._name):
                answer = self._dynamic.request("get", path, query_params=query, serialize=False)
        except (Refused, EnvironmentFault):
            return ()
        return tuple(answer.data.decode("utf-8", "replace").splitlines()[-_LOG_LINES:])

    def _kind(self, version: str, kind: str) -> Any:
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        try:
            return self._dynamic.resources.get(api_version=version, kind=kind)
        except ResourceNotFoundError as unknown:
            raise Refused(f"the cluster has no kind {kind} in {version}") from unknown


@contextlib.contextmanager
def _understood(cluster: str) -> Iterator[None]:
    """Refusals as their Status tells them; a cluster that does not answer, by its name."""
    import urllib3
    from kubernetes.client.exceptions import ApiException
    from kubernetes.dynamic.exceptions import DynamicApiError

    try:
        yield
    except (ApiException, DynamicApiError) as refusal:
        raise Refused(_status(refusal)) from refusal
    except (OSError, urllib3.exceptions.HTTPError) as silence:
        raise EnvironmentFault(f"the Kubernetes API of cluster {cluster} does not answer: {silence}") from silence


def _status(refusal: Any) -> str:
    """The Status' message; it names the object, the field and the value."""
    try:
        status = json.loads(refusal.body)
        return f"{status['code']} {status['reason']}: {status['message']}"
    except (ValueError, TypeError, KeyError):
        return f"{refusal.status} {refusal.reason}"
