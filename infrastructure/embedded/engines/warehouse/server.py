"""The program of a warehouse: DuckDB behind a loopback port, for the daemon alone.

    python -m infrastructure.embedded.engines.warehouse.server PORT FILE FOLDER...

A client proves itself by the token in `WAREHOUSE_TOKEN` with its first message. Then each message is a question with a
`number`, answered in any order: `run`, `load`, `write`, `note`, `interrupt`, `end`. Statements run in threads of their
own, so that a question is read, and an interruption acted on, while they do.
"""

import asyncio
import functools
import hmac
import logging
import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from infrastructure.embedded.engines.warehouse import dialect, framing, strangers
from infrastructure.embedded.engines.warehouse.database import Database, Failed, Run, Settings
from infrastructure.embedded.engines.warehouse.loading import Plan

_THREADS = 16
"""Five statements, what lists tables, and room."""
_HELLO_S = 5.0
_AGAIN_S = 0.01

_log = logging.getLogger(__name__)
_Result = TypeVar("_Result")


class Server:
    """Answers the questions of every client that knows the token."""

    def __init__(self, database: Database, token: str) -> None:
        self._database = database
        self._token = token
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="statement")
        self._open: dict[int, asyncio.Task[None]] = {}
        """The questions that are not answered yet, of the only client, by number."""

    async def client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_HELLO_S):
                is_known = await self._is_known(reader, writer)
            while is_known:
                question = await framing.read(reader)
                number = int(question["number"])
                task = self._open[number] = asyncio.create_task(self._answer(question, writer))
                task.add_done_callback(functools.partial(self._answered, number))
        except (OSError, asyncio.IncompleteReadError) as end:  # TimeoutError is one of the first
            _log.info("a client is gone: %s", end)
        finally:
            writer.close()

    async def _is_known(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the client's first message has the token; only then it is answered in our protocol."""
        length, first = await framing.beginning(reader)
        if strangers.is_stranger(first):
            await strangers.refuse(reader, writer, length, first)
            return False
        hello = await framing.read_on(reader, length, first)
        if not hmac.compare_digest(str(hello.get("token", "")), self._token):
            return False
        writer.write(framing.packed({"pid": os.getpid()}))
        return True

    async def quiet(self) -> None:
        """Interrupt what runs, and wait until nothing does."""
        await asyncio.gather(*map(self._interrupt, tuple(self._open)))

    async def _answer(self, question: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        try:
            answer = await self._asked(question)
        except Failed as failure:
            answer = {"error": str(failure), "kind": failure.kind}
        except Exception as defect:  # noqa: BLE001 - one question's defect must not end the others
            _log.exception("no answer to %s", question.get("do"))
            answer = {"error": f"{type(defect).__name__}: {defect}", "kind": "defect"}
        writer.write(framing.packed({**answer, "number": question["number"]}))

    async def _asked(self, question: dict[str, Any]) -> dict[str, Any]:
        number, session = int(question["number"]), str(question.get("session", ""))
        match question["do"]:
            case "run":
                run = Run(
                    sql=question["sql"], parameters=question["parameters"], session=session, result=question["result"]
                )
                return await self._in_thread(lambda: self._database.run(number, run))
            case "load":
                plan = Plan.of(question["plan"])
                return await self._in_thread(
                    lambda: self._database.load(
                        number, question["insert"], plan, query=question["query"], session=session
                    )
                )
            case "note":
                return await self._in_thread(lambda: self._database.note(number, question["queries"]))
            case "write":
                return await self._in_thread(lambda: self._database.write(number, question["sql"], session=session))
            case "interrupt":
                await self._interrupt(int(question["of"]))
                return {}
            case "end":
                await self._in_thread(lambda: self._database.end(session))
                return {}
        return {"error": f"there is no {question['do']}", "kind": "defect"}

    def _answered(self, number: int, _task: "asyncio.Task[None]") -> None:
        del self._open[number]

    async def _interrupt(self, number: int) -> None:
        """Until the statement has ended: DuckDB takes an interruption only while it executes, and forgets others."""
        while number in self._open:
            self._database.interrupt(number)
            await asyncio.sleep(_AGAIN_S)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


async def serve(port: int, settings: Settings, token: str) -> None:
    """Answer until SIGTERM; then close the file in order."""
    database = Database(settings)
    server = Server(database, token)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    listening = await asyncio.start_server(server.client, "127.0.0.1", port)
    warm = asyncio.create_task(asyncio.to_thread(dialect.translate, "SELECT 1"), name="grammar")
    await ended.wait()
    await warm
    listening.close()
    await server.quiet()
    database.close()


def main() -> None:
    """Run as the words of the command line say."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    port, file, *folders = sys.argv[1:]
    settings = Settings(file=Path(file), folders=tuple(map(Path, folders)))
    asyncio.run(serve(int(port), settings, os.environ.pop(framing.TOKEN)))
    os._exit(0)  # whatever a thread of a statement still does: the file is closed


if __name__ == "__main__":
    main()
