"""What is asked of a cluster, by the official client. It takes a second to import: see `warm`."""

import contextlib
import tempfile
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infrastructure.errors import EnvironmentFault
from infrastructure.kubernetes import TIMEOUT_S, Kubernetes, fault_of, said

MANAGER = "cafe"
"""Whose fields the objects' are that it applies."""
_LOG_LINES = 20


def warm() -> threading.Thread:
    """Import the client beside other work; join before it is used."""
    thread = threading.Thread(target=_import, name="import kubernetes", daemon=True)
    thread.start()
    return thread


def _import() -> None:
    import kubernetes.dynamic  # noqa: F401 - only to have it loaded


class Refused(EnvironmentFault):
    """The API's Status: its text names the field and says why; where we are not let in, the next step."""


class ClusterClient:
    """Objects of a cluster as JSON has them. A context manager. `Refused` by the API, `EnvironmentFault` without it."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        from kubernetes import dynamic

        self._folder = tempfile.TemporaryDirectory(prefix="cafe-discovery-")
        # Its own place is a file in /tmp that anybody may have put there, named after the address alone.
        cache = str(Path(self._folder.name) / "discovery.json")
        try:
            with _understood():
                self._dynamic = dynamic.DynamicClient(kubernetes.api, cache_file=cache)
        except EnvironmentFault:
            self._folder.cleanup()
            raise

    def __enter__(self) -> "ClusterClient":
        return self

    def __exit__(self, *_exception: object) -> None:
        self._folder.cleanup()

    def apply(self, document: Mapping[str, Any], *, manager: str = MANAGER, is_dry: bool = False) -> Mapping[str, Any]:
        """Apply one object server-side; as the cluster has it now. `Refused` in the API's words."""
        with _understood():
            found = self._dynamic.server_side_apply(
                self._kind(str(document["apiVersion"]), str(document["kind"])),
                body=dict(document),
                field_manager=manager,
                force_conflicts=True,
                query_params=[("fieldValidation", "Strict"), *([("dryRun", "All")] if is_dry else [])],
            )
        return dict(found.to_dict())

    def list(self, version: str, kind: str, namespace: str) -> list[Mapping[str, Any]]:
        with _understood():
            found = self._dynamic.get(self._kind(version, kind), namespace=namespace)
        return list(found.to_dict()["items"])

    def watch(
        self, version: str, kind: str, namespace: str, within_s: float
    ) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """What is there and what becomes of it (`ADDED`, `MODIFIED`, `DELETED`), for `within_s` seconds."""
        from kubernetes.watch import Watch

        lasts_s = max(int(within_s), 1)
        connecting_s, answer_s = TIMEOUT_S
        with _understood():
            # The client's own `watch` takes no time-out, and would give up a rollout that is silent for as long as
            # an answer may take.
            watched = Watch().stream(
                self._kind(version, kind).get,
                namespace=namespace,
                serialize=False,
                timeout_seconds=lasts_s,
                _request_timeout=(connecting_s, lasts_s + answer_s),
            )
            for event in watched:
                yield str(event["type"]), event["raw_object"]

    def log(self, namespace: str, pod: str, container: str, *, previous: bool) -> tuple[str, ...]:
        """The last lines of a container; none when it has no log."""
        path = f"/api/v1/namespaces/{namespace}/pods/{pod}/log"
        query = [("container", container), ("tailLines", str(_LOG_LINES)), ("previous", str(previous).lower())]
        try:
            with _understood():
                answer = self._dynamic.request("get", path, query_params=query, serialize=False)
        except EnvironmentFault:
            return ()
        return tuple(answer.data.decode("utf-8", "replace").splitlines()[-_LOG_LINES:])

    def _kind(self, version: str, kind: str) -> Any:
        from kubernetes.dynamic.exceptions import ResourceNotFoundError

        try:
            return self._dynamic.resources.get(api_version=version, kind=kind)
        except ResourceNotFoundError as unknown:
            raise Refused(f"the cluster has no kind {kind} in {version}") from unknown


@contextlib.contextmanager
def _understood() -> Iterator[None]:
    """What the API answers with otherwise than well, as its Status tells it; a stream that breaks off, as a fault."""
    import urllib3
    from kubernetes.client import ApiException

    try:
        yield
    except ApiException as refusal:
        raise Refused(_why(refusal)) from refusal
    except urllib3.exceptions.HTTPError as cut:
        raise EnvironmentFault(f"the Kubernetes cluster has gone while it told what happens: {cut}") from cut


def _why(refusal: Any) -> str:
    """In the API's words; with the next step, unless a webhook does not like the object, which is a 403, too."""
    words = said(refusal)
    fault = None if words.startswith("admission webhook") else fault_of(refusal)
    return words if fault is None else str(fault)
