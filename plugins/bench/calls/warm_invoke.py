"""What Lambda adds to a handler that has nothing to do: warm invocations in a row, as a boto3 caller sees them."""

import io
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any, ClassVar

from infrastructure.cloud import Platform
from infrastructure.errors import EnvironmentFault
from services import catalog

_NAME = "bench-warm-invoke"
_CODE = "def handle(event, context):\n    return event\n"
_PAYLOAD = b'{"order_id": "o-1"}'
_WARM_UP, _AT_LEAST = 30, 200


class WarmInvokeOverhead:
    """Time of `lambda.invoke` minus that of the bare handler, called in this process, by its median."""

    name: ClassVar[str] = "warm_invoke_overhead"
    unit: ClassVar[str] = "ms"
    needs_platform: ClassVar[bool] = True

    def samples(self, platform: Platform | None, repeats: int) -> Iterator[float]:
        assert platform is not None  # noqa: S101 - the protocol: needs_platform is True
        bare = median(_took(_bare_handler()) for _ in range(1000))
        with _deployed(platform) as invoke:
            for _ in range(_WARM_UP):
                invoke()
            for _ in range(max(repeats, _AT_LEAST)):
                yield (_took(invoke) - bare) * 1000


def _took(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _bare_handler() -> Callable[[], object]:
    scope: dict[str, Any] = {}
    exec(_CODE, scope)  # noqa: S102 - the constant above: the very code that is deployed
    return lambda: scope["handle"]({"order_id": "o-1"}, None)


@contextmanager
def _deployed(platform: Platform) -> Iterator[Callable[[], object]]:
    """The function, made for this figure and deleted after it, as something to invoke."""
    functions = platform.client("lambda")
    name = catalog.functions()[0].key("FunctionName")
    like = functions.get_function_configuration(FunctionName=platform.output(name))
    functions.create_function(
        FunctionName=_NAME,
        Runtime=like["Runtime"],
        Role=like["Role"],
        Handler="bench.handle",
        Code={"ZipFile": _package()},
    )
    try:
        functions.get_waiter("function_active_v2").wait(FunctionName=_NAME)
        yield partial(_invoke, functions)
    finally:
        functions.delete_function(FunctionName=_NAME)


def _invoke(functions: Any) -> bytes:
    answer = functions.invoke(FunctionName=_NAME, Payload=_PAYLOAD)
    body: bytes = answer["Payload"].read()
    if "FunctionError" in answer:
        raise EnvironmentFault(f"{_NAME} failed: {body.decode()}")
    return body


def _package() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as package:
        package.writestr("bench.py", _CODE)
    return content.getvalue()
