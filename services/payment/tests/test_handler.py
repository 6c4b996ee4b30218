"""The entry point in an interpreter of its own, as a sandbox has it."""

import json
import os
import subprocess
import sys
from pathlib import Path

from services import catalog
from services.chassis.postgres.tests.server import Server
from services.payment.rehearsal import SCENARIO
from services.payment.tests.cloud import TOKEN, Cloud

CHECKOUT = Path(__file__).parents[__name__.count(".")]
HEAVY = ("asyncio", "botocore", "fastapi", "psycopg", "pydantic", "redis", "ssl", "tenacity", "http.client", "boto3")
"""What a cold start must not pay for: 10 to 250 ms each."""


def python(code: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**plain, **environ},
        capture_output=True,
        text=True,
        cwd=CHECKOUT,
        check=False,
    )


def test_importing_the_entry_point_is_the_init_phase_and_brings_nothing_heavy(cloud: Cloud, server: Server) -> None:
    stress = {"stress": {"scenario": "cold-start", "token": TOKEN, "checkouts": 2}}
    code = f"""
import sys, json
from {catalog.function("payment").handler.rpartition(".")[0]} import handle

class Context:
    def get_remaining_time_in_millis(self):
        return 10000

answer = handle({stress!r}, Context())
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps([answer["checkouts"], heavy, "services.catalog" in sys.modules]))
"""
    done = python(code, cloud.environ(server.port))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [2, [], False]


def test_an_environment_that_is_wrong_is_refused_in_full_and_at_once() -> None:
    done = python("import services.payment.handler", {"CAFE_RESILIENCE": "maybe"})
    assert done.returncode != 0
    for variable in ("CAFE_RESILIENCE", "PAYMENTS_TABLE", "ORDERS_TABLE", "CAFE_AURORA_WRITER_URL", "DATABASE_SECRET"):
        assert f"  {variable}: " in done.stderr


def test_without_a_database_it_starts_all_the_same(cloud: Cloud) -> None:
    done = python("import services.payment.handler", cloud.environ(1))
    assert done.returncode == 0, done.stderr
    assert "the ledger has no writer; messages will wait" in done.stdout


def test_the_catalogue_calls_the_scenario_by_the_same_name() -> None:
    assert catalog.function("payment").stress.name == SCENARIO
