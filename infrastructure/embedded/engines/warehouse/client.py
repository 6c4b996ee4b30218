"""The daemon's way to a warehouse's process: many questions at once over one connection."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable
from typing import Any

from infrastructure.embedded.control.background import end
from infrastructure.embedded.engines.warehouse import framing
from infrastructure.embedded.network.envoy.model import LOOPBACK
from infrastructure.errors import EnvironmentFault


class SqlError(EnvironmentFault):
    """The warehouse refused a statement in its own words; `kind` says why: `sql`, `conflict`, `interrupted`."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.text = message


class WarehouseClient:
    """One connection. When it breaks, every question that is open fails with `ConnectionError`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pid: int) -> None:
        self.pid = pid
        self._reader = reader
        self._writer = writer
        self._numbers = itertools.count(1)
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._reading = asyncio.create_task(self._read(), name="warehouse answers")

    @classmethod
    async def connect(cls, port: int, token: str, timeout_s: float = 2.0) -> "WarehouseClient":
        """Connected and let in; `OSError` or `TimeoutError` when nobody answers, or not to this token."""
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(framing.packed({"token": token}))
                hello = await framing.read(reader)
            except BaseException:
                writer.close()
                raise
        return cls(reader, writer, int(hello["pid"]))

    @property
    def is_closed(self) -> bool:
        return self._reading.done()

    def ask(self, do: str, **members: Any) -> "Question":
        """Put a question; `ConnectionError` when the connection is closed."""
        if self.is_closed:
            raise ConnectionError("the warehouse's connection is closed")
        number = next(self._numbers)
        self._open[number] = answer = asyncio.get_running_loop().create_future()
        self._writer.write(framing.packed({"do": do, "number": number, **members}))
        return Question(number, answer)

    async def _read(self) -> None:
        try:
            while True:
                answer = await framing.read(self._reader)
                asked = self._open.pop(int(answer["number"]), None)
                if asked is not None and not asked.done():
                    asked.set_result(answer)
        except OSError as broken:
            self._fail(broken)
        finally:
            self._fail(ConnectionError("the warehouse's connection was closed"))
            self._writer.close()

    def _fail(self, reason: Exception) -> None:
        for asked in self._open.values():
            if not asked.done():
                asked.set_exception(reason)
                with contextlib.suppress(BaseException):
                    asked.exception()  # nobody may be waiting any more
        self._open.clear()

    async def close(self) -> None:
        await end(self._reading)


class Question:
    """One that was put: its `number` is what an interruption names."""

    def __init__(self, number: int, answer: "asyncio.Future[dict[str, Any]]") -> None:
        self.number = number
        self._answer = answer

    def when_answered(self, callback: Callable[[], None]) -> None:
        """Have `callback` called when the answer is there, or will never be."""
        self._answer.add_done_callback(lambda _: callback())

    async def answered(self) -> dict[str, Any]:
        """The answer; `SqlError` for a refusal, `ConnectionError` when the warehouse is gone."""
        answer = await self._answer
        if "error" in answer:
            raise SqlError(str(answer["kind"]), str(answer["error"]))
        return answer
