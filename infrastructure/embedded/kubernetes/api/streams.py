"""exec and attach: the streams of a command, or what a container writes, in the channels of one WebSocket.

The first byte of a message is its channel: 0 stdin, 1 stdout, 2 stderr, 3 how it ended, 4 the terminal's size; from
version 5 on 255 closes the channel that the next byte names.
Source: k8s.io/apimachinery, pkg/util/remotecommand/constants.go; k8s.io/kubelet, pkg/cri/streaming/remotecommand
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs

from infrastructure.embedded.gateway.websocket import WebSocket
from infrastructure.embedded.kubernetes.kubelet.execution import Execution, Wish
from infrastructure.embedded.kubernetes.store import errors

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _ERROR, _RESIZE, _CLOSE = 0, 1, 3, 4, 255
_PART = 32 << 10


def spoken(socket: WebSocket, protocols: Sequence[str] = PROTOCOLS) -> str:
    """The first of the protocols that the client knows, too. `ApiError` 400 when there is none."""
    known = [each for each in protocols if each in socket.subprotocols]
    if not known:
        raise errors.bad_request(f"unable to upgrade: the WebSocket protocols are {', '.join(protocols)}")
    return known[0]


def wish_of(query: str) -> Wish:
    """What the query asks for. `ApiError` 400 for no command, or no stream."""
    given = parse_qs(query, keep_blank_values=True)

    def flag(name: str) -> bool:
        return given.get(name, ["false"])[0].lower() not in ("0", "f", "false")

    wish = Wish(
        command=tuple(given.get("command", ())),
        container=given.get("container", [""])[0],
        has_stdin=flag("stdin"),
        has_stdout=flag("stdout"),
        has_stderr=flag("stderr"),
        has_tty=flag("tty"),
    )
    if not (wish.has_stdin or wish.has_stdout or wish.has_stderr):
        raise errors.bad_request("you must specify at least 1 of stdin, stdout, stderr")
    return wish


async def converse(socket: WebSocket, protocol: str, execution: Execution) -> None:
    """Until the command has ended and all it wrote is sent, or the client is gone, which it may be from the first."""
    tasks: list[asyncio.Task[None]] = []
    try:
        await socket.accept(protocol)
        await socket.send(bytes([_STDOUT]))  # the client learns that it is connected
        telling = asyncio.create_task(_tell_all(socket, execution))
        tasks += (telling, asyncio.create_task(_listen(socket, execution)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if telling.done() and telling.exception() is None:
            code = await execution.process.wait()
            await socket.send(bytes([_ERROR]) + json.dumps(_ended(code)).encode())
            await socket.close()
    finally:
        for each in tasks:
            each.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await execution.close()


async def fail(socket: WebSocket, message: str) -> None:
    """Say why there is nothing to talk about: what is refused before it is accepted has clients ask again by SPDY."""
    told = {"metadata": {}, "status": "Failure", "message": message, "reason": "InternalError", "code": 500}
    await socket.send(bytes([_ERROR]) + json.dumps(told).encode())
    await socket.close()


async def show(socket: WebSocket, written: AsyncIterator[bytes]) -> None:
    """What a container writes, until it ends or the client is gone."""

    async def all_of_it() -> None:
        async for part in written:
            await socket.send(bytes([_STDOUT]) + part)

    await socket.send(bytes([_STDOUT]))
    telling, gone = asyncio.create_task(all_of_it()), asyncio.create_task(_gone(socket))
    try:
        await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
        if telling.done():
            await socket.send(bytes([_ERROR]) + json.dumps(_ended(0)).encode())
            await socket.close()
    finally:
        for each in (telling, gone):
            each.cancel()
        await asyncio.gather(telling, gone, return_exceptions=True)


async def _gone(socket: WebSocket) -> None:
    while await socket.receive() is not None:
        pass


async def _listen(socket: WebSocket, execution: Execution) -> None:
    """What the client says, until it is gone."""
    while (message := await socket.receive()) is not None:
        channel, data = (message[0], message[1:]) if message else (None, b"")
        if channel == _STDIN and data:
            await execution.write(data)
        elif channel == _RESIZE:
            size = _size(data)
            execution.resize(size.get("Width", 0), size.get("Height", 0))
        elif channel == _CLOSE and data[:1] == bytes([_STDIN]):
            execution.end_of_input()


def _size(data: bytes) -> Mapping[str, int]:
    try:
        found = json.loads(data)
    except ValueError:
        return {}
    is_size = isinstance(found, dict) and all(isinstance(each, int) and 0 <= each < 1 << 16 for each in found.values())
    return found if is_size else {}


async def _tell_all(socket: WebSocket, execution: Execution) -> None:
    async def tell(channel: int, reader: asyncio.StreamReader) -> None:
        while part := await _read(reader):
            await socket.send(bytes([channel]) + part)

    await asyncio.gather(*(tell(channel, reader) for channel, reader in execution.outputs.items()))


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Nothing at the end; a terminal whose last user is gone ends with an error of its own (EIO)."""
    try:
        return await reader.read(_PART)
    except OSError:
        return b""


def _ended(code: int) -> Mapping[str, Any]:
    """The Status of a command's end. Source: k8s.io/kubelet, pkg/cri/streaming/remotecommand/exec.go"""
    if code == 0:
        return {"metadata": {}, "status": "Success"}
    shown = code if code > 0 else 128 - code
    return {
        "metadata": {},
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: exit status {shown}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(shown)}]},
    }
