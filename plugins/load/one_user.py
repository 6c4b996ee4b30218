"""One user per process, whatever number of users is asked for: in an open model the rate is the load."""

from collections.abc import Callable

from locust import LoadTestShape


class OneUserPerWorker(LoadTestShape):  # type: ignore[misc]  # Locust publishes no types
    """Spares the person at the web UI a number of users that would mean nothing; ends a run that `is_over`."""

    abstract = True

    def __init__(self, is_over: Callable[[], bool]) -> None:
        super().__init__()
        self._is_over = is_over

    def tick(self) -> tuple[int, float] | None:
        if self._is_over():
            return None
        return max(getattr(self.runner, "worker_count", 1), 1), 100.0
