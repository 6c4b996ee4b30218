"""The Lambda API as boto3 sees it, over sandboxes that really run; for tests that are no coroutines."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from infrastructure.embedded.engines.functions.spec import PYTHON
from infrastructure.embedded.tests.function_world import ECHO, ROLE, LambdaWorld, lambda_world, zipped
from infrastructure.embedded.tests.processes import eventually


class Cloud:
    """The world on a loop of its own, so that a test's boto3 calls, which block, run in a thread."""

    def __init__(self, runner: asyncio.Runner, world: LambdaWorld) -> None:
        self._runner = runner
        self.world = world
        self.aws: Any = world.client("lambda")

    def run(self, call: Callable[[], Any]) -> Any:
        return self._runner.run(asyncio.wait_for(asyncio.to_thread(call), 60.0))

    def inside(self, call: Coroutine[Any, Any, Any]) -> Any:
        """What the coroutine gives on the world's own loop, as from inside the daemon."""
        return self._runner.run(call)

    def settle(self, look: Callable[[], Any]) -> Any:
        return self._runner.run(eventually(look))

    def do(self, action: str, **parameters: Any) -> Any:
        """A boto3 call, by its snake-case name."""
        return self.run(lambda: getattr(self.aws, action)(**parameters))

    def refusal(self, action: str, **parameters: Any) -> tuple[str, int]:
        with pytest.raises(ClientError) as refused:
            self.do(action, **parameters)
        response = refused.value.response
        return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]

    def create(self, name: str, code: str = ECHO, **more: Any) -> Any:
        settings = {"Runtime": PYTHON, "Role": ROLE, "Handler": "app.handle", **more}
        return self.do("create_function", FunctionName=name, Code={"ZipFile": zipped({"app.py": code})}, **settings)

    def invoke(self, name: str, payload: Any = None, **more: Any) -> Any:
        """The answer, its payload decoded."""

        def call() -> Any:
            answer = self.aws.invoke(FunctionName=name, Payload=json.dumps(payload).encode(), **more)
            body = answer["Payload"].read()
            return {**answer, "Payload": json.loads(body) if body else None}

        return self.run(call)

    def processes(self, name: str) -> list[int]:
        running = self.world.supervisor.processes.values()
        return [each.pid for each in running if each.spec.id.startswith(f"{name}-")]


@contextmanager
def lambda_cloud(folder: Path) -> Iterator[Cloud]:
    """A world with nothing in it, below `folder`."""
    with asyncio.Runner() as runner:
        opening = lambda_world(folder)
        world = runner.run(opening.__aenter__())
        try:
            yield Cloud(runner, world)
        finally:
            runner.run(opening.__aexit__(None, None, None))
