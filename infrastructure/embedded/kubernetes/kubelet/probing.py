"""Probes and hooks: one question to a container, and whether the answer is a good one.

Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

Run = Callable[[Sequence[str], float], Awaitable[tuple[int, str]]]
"""Runs a command as the container would, for at most so many seconds: its exit code and the end of what it said."""
_LEAST_PERIOD_S, _LEAST_CALM_S = 0.1, 1.0
"""At any pace: while a container is not well, or not known to be; and while it is, for asking has its cost."""
_LEAST_ANSWER = 12
"""Bytes of `HTTP/1.1 200`."""


class Bad(Exception):
    """The answer is not good; the text is the kubelet's."""


async def ask(handler: Mapping[str, Any], address: str, ports: Mapping[str, int], timeout_s: float, run: Run) -> None:
    """Ask once. `Bad` says why the answer is none, or no good one."""
    if "httpGet" in handler:
        await _http(handler["httpGet"], address, ports, timeout_s)
    elif "tcpSocket" in handler:
        target = handler["tcpSocket"]
        await _connect(target.get("host") or address, port_of(target["port"], ports), timeout_s)
    elif "exec" in handler:
        code, said = await run(handler["exec"]["command"], timeout_s)
        if code != 0:
            raise Bad(said.strip() or f"command exited with {code}")
    else:
        raise Bad("the embedded cloud asks by httpGet, tcpSocket and exec")


def port_of(given: object, ports: Mapping[str, int]) -> int:
    """A port by its number, or by its name among the container's."""
    if isinstance(given, int):
        return given
    if str(given) not in ports:
        raise Bad(f"couldn't find port: {given}")
    return ports[str(given)]


async def _connect(host: str, port: int, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            _, writer = await asyncio.open_connection(host, port)
            writer.close()
    except TimeoutError:
        raise Bad(f"dial tcp {host}:{port}: i/o timeout") from None
    except OSError:
        raise Bad(f"dial tcp {host}:{port}: connect: connection refused") from None


async def _http(of: Mapping[str, Any], address: str, ports: Mapping[str, int], timeout_s: float) -> None:
    host, port, path = of.get("host") or address, port_of(of["port"], ports), of.get("path") or "/"
    url = f'Get "http://{host}:{port}{path}"'
    try:
        async with asyncio.timeout(timeout_s):
            status = await _status(host, port, path, of.get("httpHeaders") or ())
    except TimeoutError:
        raise Bad(f"{url}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)") from None
    except OSError as problem:
        raise Bad(f"{url}: dial tcp {host}:{port}: connect: connection refused") from problem
    if not 200 <= status < 400:
        raise Bad(f"HTTP probe failed with statuscode: {status}")


async def _status(host: str, port: int, path: str, headers: Sequence[Mapping[str, str]]) -> int:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        given = {"Host": f"{host}:{port}", "User-Agent": "kube-probe/1.37", "Accept": "*/*", "Connection": "close"}
        given |= {each["name"]: each["value"] for each in headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"GET {path} HTTP/1.1\r\n{lines}\r\n".encode())
        line = await reader.readline()
        if len(line) < _LEAST_ANSWER or not line[9:12].isdigit():
            raise OSError("the answer is not HTTP")
        return int(line[9:12])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


class Prober:
    """Asks one question again and again; `told` hears of each change of the verdict, with the reason for a bad one."""

    def __init__(
        self,
        probe: Mapping[str, Any],
        question: Callable[[float], Awaitable[None]],
        told: Callable[[bool, str], None],
        pace: Callable[[float, float], float],
    ) -> None:
        self._probe = probe
        self._question = question
        self._told = told
        self._pace = pace

    async def run(self) -> None:
        """Until it is cancelled. The first question comes after the initial delay."""
        probe = self._probe
        await asyncio.sleep(self._pace(float(probe.get("initialDelaySeconds", 0)), 0.0))
        period_s, calm_s = (self._pace(float(probe["periodSeconds"]), s) for s in (_LEAST_PERIOD_S, _LEAST_CALM_S))
        good = bad = 0
        verdict: bool | None = None
        while True:
            reason = await self._ask(float(probe["timeoutSeconds"]))
            good, bad = (0, bad + 1) if reason else (good + 1, 0)
            if reason and bad >= probe["failureThreshold"] and verdict is not False:
                verdict = False
                self._told(False, reason)
            elif not reason and good >= probe["successThreshold"] and verdict is not True:
                verdict = True
                self._told(True, "")
            await asyncio.sleep(calm_s if verdict and not bad else period_s)

    async def _ask(self, timeout_s: float) -> str:
        try:
            await self._question(timeout_s)
        except Bad as problem:
            return str(problem)
        return ""
