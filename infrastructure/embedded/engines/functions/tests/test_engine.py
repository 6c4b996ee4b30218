"""Real sandboxes: cold and warm, what they see, what is said about it."""

import asyncio
import json
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from infrastructure.embedded.engines.functions import engine as functions
from infrastructure.embedded.engines.functions import package
from infrastructure.embedded.engines.functions.engine import Ran
from infrastructure.embedded.engines.functions.spec import FunctionSpec
from infrastructure.embedded.tests.function_world import ECHO, Sandboxes, sandboxes, zipped
from infrastructure.embedded.tests.processes import eventually


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandboxes]:
    with sandboxes(tmp_path_factory.mktemp("functions")) as made:
        yield made


def test_the_first_invocation_is_cold_and_the_next_one_warm(world: Sandboxes) -> None:
    echo = world.function(ECHO)
    cold, warm = echo(b'{"order": 1}'), echo(b'{"order": 2}')
    assert (json.loads(cold.payload), json.loads(warm.payload)) == ({"order": 1}, {"order": 2})
    assert (cold.report.is_cold, warm.report.is_cold) == (True, False)
    assert len(echo.processes) == 1


def test_the_log_of_an_invocation_is_what_aws_writes(world: Sandboxes) -> None:
    talker = world.function("def handle(event, context):\n    print('captured', event['order'])\n")
    ran = talker(b'{"order": 7}')
    request_id = ran.report.request_id
    start, said, end, report = ran.log.splitlines()
    assert start == f"START RequestId: {request_id} Version: $LATEST"
    assert said == "captured 7"
    assert end == f"END RequestId: {request_id}"
    assert report == ran.report.line
    assert "captured 7" not in talker(b'{"order": 8}').log


def test_the_logs_of_the_latest_sandboxes_stay(world: Sandboxes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(functions, "KEPT_LOGS", 2)
    living = world.function(ECHO)
    living()
    gone = [world.function("raise SystemExit\n") for _ in range(3)]
    for each in gone:
        each()
    kept = {log.stem.rpartition("-")[0] for log in world.state.logs.glob("f-*.log")}
    assert living.spec.name in kept, "it lives"
    assert [each.spec.name in kept for each in gone] == [False, False, True]


def test_what_is_said_while_importing_is_in_the_cold_starts_log(world: Sandboxes) -> None:
    assert "importing" in world.function("print('importing')\n" + ECHO)().log


def test_a_sandbox_sees_the_standard_library_the_runtime_and_its_own_code_alone(world: Sandboxes) -> None:
    probe = world.function(
        textwrap.dedent("""
        import importlib.util, os, sys
        NAMES = ("awslambdaric", "boto3", "app", "moto", "orjson", "infrastructure", "services", "pytest", "psycopg")
        def handle(event, context):
            seen = [name for name in NAMES if importlib.util.find_spec(name)]
            return {"seen": seen, "path": sys.path, "cwd": os.getcwd(), "env": dict(os.environ)}
        """)
    )
    found = json.loads(probe().payload)
    assert found["seen"] == ["awslambdaric", "boto3", "app"]
    assert found["path"][0] == found["cwd"] == str(probe.spec.code)
    assert not [entry for entry in found["path"] if "site-packages" in entry]
    assert "PYTHONPATH" not in found["env"]
    assert found["env"]["AWS_LAMBDA_FUNCTION_NAME"] == probe.spec.name
    assert not [name for name in found["env"] if name.startswith("CAFE_")]


def test_boto3_can_be_used_without_being_packaged(world: Sandboxes) -> None:
    code = "def handle(event, context):\n    import boto3\n    return boto3.client('sqs').meta.region_name\n"
    user = world.function(code, environment={"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1"})
    assert user().payload == b'"eu-west-1"'


def test_a_later_layer_covers_an_earlier_one_and_the_package_covers_both(world: Sandboxes) -> None:
    async def layer(value: str) -> Path:
        archive = zipped({"python/shared.py": f"VALUE = '{value}'", "python/app.py": "raise SystemExit"})
        _, folder = world.engine.store(archive)
        await world.engine.stored(folder)
        return folder

    layers = (world.run(layer("first")), world.run(layer("second")))
    user = world.function("import shared\ndef handle(event, context):\n    return shared.VALUE\n", layers=layers)
    assert user().payload == b'"second"'


def test_a_surge_starts_a_sandbox_for_each_invocation(world: Sandboxes) -> None:
    waiter = world.function("import time\ndef handle(event, context):\n    time.sleep(0.3)\n")

    async def surge() -> list[bool]:
        ran = await asyncio.gather(*(waiter.start() for _ in range(8)))
        return [each.report.is_cold for each in ran]

    assert world.run(surge()) == [True] * 8
    assert len(waiter.processes) == 8


def test_an_invocation_that_waits_for_its_package_gets_it_though_the_function_has_another_by_now(
    world: Sandboxes,
) -> None:
    async def invoke() -> Ran:
        _, folder = world.engine.store(zipped({"app.py": "NEW = 1\n" + ECHO}))
        spec = FunctionSpec(
            name="early",
            version="$LATEST",
            arn="arn:early",
            code=folder,
            handler="app.handle",
            timeout_s=9,
            memory_mb=128,
        )
        run = asyncio.create_task(world.engine.run(spec, "early", "request-1", b'"old"'))
        await asyncio.sleep(0)
        assert not world.engine.is_stored(folder)
        world.engine.keep(set(), set())
        try:
            return await run
        finally:
            world.engine.keep(set(), set())
            await eventually(lambda: not folder.exists())  # what nobody uses any more is gone

    assert world.run(invoke()).payload == b'"old"'


def test_garbage_is_collected_from_the_first_invocation_on(world: Sandboxes) -> None:
    code = "import gc\nINIT = gc.isenabled()\ndef handle(event, context):\n    return [INIT, gc.isenabled()]\n"
    assert world.function(code)().payload == b"[false, true]"


def test_deadline_request_id_and_arn_reach_the_handler(world: Sandboxes) -> None:
    code = """
    def handle(event, context):
        is_timely = 30_000 < context.get_remaining_time_in_millis() <= 40_000
        return [context.aws_request_id, context.invoked_function_arn, is_timely, context.client_context.custom]
    """
    context = "eyJjdXN0b20iOiB7ImsiOiAidiJ9fQ=="  # {"custom": {"k": "v"}}
    ran = world.function(textwrap.dedent(code), timeout_s=40.0)(b"{}", arn="arn:alias", context=context)
    assert json.loads(ran.payload) == [ran.report.request_id, "arn:alias", True, {"k": "v"}]


def test_code_that_is_stored_again_is_whole_whatever_becomes_of_its_compilation(
    world: Sandboxes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What compiles makes the folders that it writes to, also where the code has just been removed."""
    slow = f"""
    import os, pathlib, sys, time
    while not pathlib.Path({str(tmp_path)!r}, "go").exists():
        time.sleep(0.005)
    os.makedirs(sys.argv[1] + "/__pycache__", exist_ok=True)
    """
    archive = zipped({"app.py": "AGAIN = 1\n" + ECHO})

    async def again() -> Path:
        program = textwrap.dedent(slow)
        monkeypatch.setattr(package, "compiling", lambda folder: (sys.executable, "-c", program, str(folder)))
        _, first = world.engine.store(archive)
        await world.engine.stored(first)
        world.engine.keep(set(), set())
        (tmp_path / "go").touch()
        compiling = [each for each in world.supervisor.processes.values() if each.spec.kind == "lambda-compile"]
        await asyncio.gather(*(each.wait() for each in compiling))
        _, second = world.engine.store(archive)
        await world.engine.stored(second)
        return second

    assert [file.name for file in world.run(again()).glob("*.py")] == ["app.py"]
