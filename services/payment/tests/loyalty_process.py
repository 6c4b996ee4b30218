"""The loyalty service in a process of its own, behind a port that stays while processes come and go."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.chassis.postgres.tests.server import Server, free_port
from services.payment.tests.cloud import DATABASE_SECRET, OPERATOR_SECRET, REGION, Cloud

CHECKOUT = Path(__file__).parents[__name__.count(".")]
START_S = 30.0


class LoyaltyProcess:
    """One at a time; `kill` and `start` as often as a test wants. MemoryDB is away for all of them."""

    def __init__(self, cloud: Cloud, server: Server, log: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        plain = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CAFE_"))}
        self._environ = {
            **plain,
            "PORT": self.url.rpartition(":")[2],
            "AWS_ACCESS_KEY_ID": "t",
            "AWS_SECRET_ACCESS_KEY": "t",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": cloud.url,
            "CAFE_ENVIRONMENT": "test",
            "CAFE_AURORA_WRITER_URL": f"postgresql://127.0.0.1:{server.port}/postgres",
            "CAFE_MEMORYDB_URL": f"redis://127.0.0.1:{free_port()}/0",
            "DATABASE_SECRET": DATABASE_SECRET,
            "MEMBERS_BUCKET": "bucket-test",
            "WAREHOUSE_CLUSTER": "cafe-test",
            "WAREHOUSE_DATABASE": "cafe",
            "WAREHOUSE_SECRET": "arn:aws:secretsmanager:x",
            "OPERATOR_TOKEN_SECRET": OPERATOR_SECRET,
        }

    def start(self) -> None:
        """Return once it answers."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.serve", "loyalty"],
                env=self._environ,
                cwd=CHECKOUT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        ends_at = time.monotonic() + START_S
        while not self._answers():
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < ends_at, self._log.read_text()
            time.sleep(0.05)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/loyalty/health", timeout=2) as answer:  # noqa: S310 - loopback
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def get(self, path: str) -> Any:
        """The document that it answers."""
        with urllib.request.urlopen(f"{self.url}{path}", timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)

    def kill(self) -> None:
        """As an instance that is lost."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(10.0)
            self._process = None


@contextmanager
def loyalty_process(cloud: Cloud, server: Server, folder: Path) -> Iterator[LoyaltyProcess]:
    """Not started yet; ended with the block."""
    made = LoyaltyProcess(cloud, server, folder / "loyalty.log")
    try:
        yield made
    finally:
        made.kill()
