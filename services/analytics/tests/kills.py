"""Workers in processes of their own, killed one after the other while orders are paid: is any row lost or doubled?

python -m services.analytics.tests.kills --kills 20 --seconds 60
"""

import argparse
import contextlib
import logging
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from services.analytics.tests.data_api import DataApiServer
from services.analytics.tests.fakes import paid

REGION, TABLE, STREAM, BUCKET = "us-east-1", "leases-kills", "order-events-kills", "revenue-kills"
WORKERS, SHARDS = 3, 2
DRAINED_S = 60.0
"""The longest that the last rows may take, with all kills behind: some lease times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Orders paid, killed workers, and what is wrong with the rows."""

    paid: int
    killed: int
    lost: int
    doubled: int


@dataclass
class Cloud:
    """moto with stream, table and bucket; the Data API beside it; and the workers."""

    url: str
    data_api: DataApiServer
    folder: Path
    workers: list["subprocess.Popen[bytes]"] = field(default_factory=list)
    started: int = 0

    def client(self, service: Any) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def create(self) -> None:
        self.client("dynamodb").create_table(
            TableName=TABLE,
            AttributeDefinitions=[{"AttributeName": "leaseKey", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "leaseKey", "KeyType": "HASH"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.client("kinesis").create_stream(StreamName=STREAM, ShardCount=SHARDS)
        self.client("s3").create_bucket(Bucket=BUCKET)

    def start_worker(self) -> None:
        """A new one, whom nobody knows yet."""
        self.started += 1
        environment = {
            **os.environ,
            "PORT": str(_free_port()),
            "CAFE_ENVIRONMENT": "test",
            "CAFE_INSTANCE_ID": f"worker-{self.started}",
            "CAFE_ELASTICACHE_URL": "redis://127.0.0.1:9/0",
            "OPERATOR_TOKEN_SECRET": "operator",
            "ORDER_STREAM": STREAM,
            "LEASE_TABLE": TABLE,
            "REVENUE_BUCKET": BUCKET,
            "WAREHOUSE_CLUSTER": "cafe-test",
            "WAREHOUSE_DATABASE": "cafe",
            "WAREHOUSE_SECRET": "arn:secret",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_REDSHIFT_DATA": self.data_api.url,
        }
        with (self.folder / f"worker-{self.started}.log").open("wb") as log:
            command = [sys.executable, "-m", "services.serve", "analytics"]
            self.workers.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))

    def kill(self, number: int) -> None:
        worker = self.workers.pop(number)
        worker.kill()
        worker.wait()


@contextlib.contextmanager
def cloud(folder: Path) -> Iterator[Cloud]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"

    def fetch(bucket: str, key: str) -> bytes:
        content: bytes = made.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        return content

    with DataApiServer(folder, fetch) as data_api:
        made = Cloud(url, data_api, folder)
        made.create()
        try:
            yield made
        finally:
            while made.workers:
                made.kill(0)
            server.stop()


def perform(kills: int, seconds: float, seed: int, folder: Path) -> Outcome:
    """Pay orders for `seconds`, kill `kills` workers meanwhile at moments drawn by `seed`, then wait for all rows."""
    chance = random.Random(seed)  # noqa: S311 - a seeded one
    with cloud(folder) as made:
        kinesis, number, killed = made.client("kinesis"), 0, 0
        for _ in range(WORKERS):
            made.start_worker()
        began = time.monotonic()
        moments = sorted(began + 2.0 + chance.random() * (seconds - 2.0) for _ in range(kills))
        while time.monotonic() < began + seconds:
            batch = [{"Data": paid(number + each), "PartitionKey": f"customer-{each}"} for each in range(5)]
            kinesis.put_records(StreamName=STREAM, Records=batch)
            number += len(batch)
            while moments and moments[0] <= time.monotonic():
                moments.pop(0)
                made.kill(chance.randrange(len(made.workers)))
                made.start_worker()
                killed += 1
            time.sleep(0.1)
        deadline = time.monotonic() + DRAINED_S
        while len(set(made.data_api.orders())) < number and time.monotonic() < deadline:
            time.sleep(0.5)
        rows = Counter(made.data_api.orders())
        return Outcome(
            paid=number, killed=killed, lost=number - len(rows), doubled=sum(count - 1 for count in rows.values())
        )


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        outcome = perform(given.kills, given.seconds, given.seed, Path(folder))
    print(f"seed {given.seed}: {outcome}")  # noqa: T201 - for a person
    sys.exit(bool(outcome.lost or outcome.doubled))


if __name__ == "__main__":
    main()
