"""The operators' stress endpoints of a service, spoken over HTTP."""

from types import TracebackType
from typing import Any

import urllib3

from infrastructure.errors import EnvironmentFault

_NOT_SENT = (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError)
_TIMEOUT = urllib3.Timeout(connect=2.0, read=10.0)


class StressRefusedError(EnvironmentFault):
    """The service did not do what it was asked; the text holds the problem document's title and detail."""


class StressApi:
    """`with StressApi(url, path, token) as api`: the run that is started ends with the block, whatever happens."""

    def __init__(self, base_url: str, path: str, token: str) -> None:
        self._url = f"{base_url}{path}"
        self._headers = {"authorization": f"Bearer {token}"}
        self._http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)
        self._is_asked = False

    def __enter__(self) -> "StressApi":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._is_asked:
                self.stop()
        except EnvironmentFault as fault:
            if error is None:
                raise
            error.add_note(f"and its run may go on for its time: {fault}")
        finally:
            self._http.clear()

    def start(self, duration_s: float, target_cpu: float) -> str:
        """Start a run and return its id; `StressRefusedError` with the service's own words otherwise.

        A run that was refused is somebody else's to end. One whose answer did not come may be under way all the same.
        """
        self._is_asked = True
        try:
            body = self._request("POST", json={"duration_s": duration_s, "target_cpu": target_cpu}, allowed=(202,))
        except EnvironmentFault as fault:
            self._is_asked = not isinstance(fault, StressRefusedError) and not isinstance(fault.__cause__, _NOT_SENT)
            raise
        return str(body["run_id"])

    def stop(self) -> None:
        """End the run; there may be none."""
        self._request("DELETE", allowed=(200, 202, 204, 404))
        self._is_asked = False

    def state(self) -> dict[str, Any]:
        """The run as the service sees it."""
        return self._request("GET", allowed=(200,))

    def _request(self, method: str, *, allowed: tuple[int, ...], json: dict[str, Any] | None = None) -> dict[str, Any]:
        try:
            answer = self._http.request(method, self._url, headers=self._headers, json=json)
        except urllib3.exceptions.HTTPError as error:
            raise EnvironmentFault(f"{method} {self._url} got no answer: {error}; is the service healthy?") from error
        if answer.status not in allowed:
            raise StressRefusedError(f"{method} {self._url} answered {answer.status}: {_problem(answer)}")
        found = answer.json() if answer.data else {}
        return found if isinstance(found, dict) else {}


def _problem(answer: urllib3.BaseHTTPResponse) -> str:
    try:
        found = answer.json()
    except ValueError:
        return answer.data[:200].decode("utf-8", "replace")
    return f"{found.get('title', '')}: {found.get('detail', '')}".strip(": ") if isinstance(found, dict) else str(found)
