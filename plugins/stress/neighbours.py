"""The other services, while one is under stress: each is asked lightly, and has to keep what it promises."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import urllib3
from botocore.exceptions import BotoCoreError, ClientError

from plugins.reporting.impact import Felt
from plugins.slo import Slo, SloReport
from plugins.stress.probing import INDICATORS, INTERVAL_S, Ask, Probe, Prober, felt, indicators, series
from plugins.stress.rehearsal import checkout_event, has_checked_out
from plugins.telemetry import Series
from services.catalog import SERVICES, FunctionService, HttpService, Service

_TIMEOUT = urllib3.Timeout(connect=2.0, read=5.0)


class Platform(Protocol):
    """What this module needs of a platform."""

    def client(self, service: str) -> Any: ...
    def endpoint(self, name: str) -> str: ...
    def output(self, key: str) -> str: ...
    def operator_token(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """One of the others, and the light requests to it."""

    service: Service
    probes: Sequence[Probe]

    def judge(self, latency_scale: float) -> SloReport:
        """Its own promise, on what was asked; latencies stretched as the environment has it."""
        slo = promise(self.service).stretched(latency_scale)
        return slo.judge(indicators(self.probes), samples=len(self.probes))

    @property
    def felt(self) -> Felt:
        return felt(f"requests to {self.service.name}", self.probes)

    @property
    def series(self) -> Series:
        return series(f"request to {self.service.name}", self.probes)


def promise(service: Service) -> Slo:
    """What `service` keeps meanwhile; `ClaimError` for an objective on what nobody measures."""
    slo = Slo.of(f"{service.name} meanwhile", *service.promise)
    slo.check_measured(INDICATORS, service.name)
    return slo


def others(service: Service) -> tuple[Service, ...]:
    """Every service that can be asked, but for `service`."""
    return tuple(one for one in SERVICES if one.name != service.name and _KINDS.get(type(one)))


def preview(service: Service) -> Iterator[str]:
    """Lines of a plan: who else is asked, and judged by what."""
    for one in others(service):
        yield f"  others   {one.name} is asked every {INTERVAL_S:g} s: {', '.join(map(str, promise(one).objectives))}"


@contextmanager
def watched(platform: Platform, service: Service) -> Iterator[tuple[Neighbour, ...]]:
    """All others are asked while the block runs."""
    with ExitStack() as probers:
        found = []
        for one in others(service):
            prober = probers.enter_context(Prober(asking(platform, one)))
            found.append(Neighbour(service=one, probes=prober.probes))
        yield tuple(found)


def asking(platform: Platform, service: Service) -> Ask:
    """What asks `service` once, its own store with it, and leaves nothing there; `KeyError` where nobody can."""
    return _KINDS[type(service)](platform, service)


def get(url: str, status: int) -> Ask:
    """A GET that has to be answered with `status`."""
    http = urllib3.PoolManager(timeout=_TIMEOUT, retries=False)

    def ask() -> bool:
        try:
            return http.request("GET", url).status == status
        except urllib3.exceptions.HTTPError:
            return False

    return ask


def _reading(platform: Platform, service: Any) -> Ask:
    return get(
        f"{platform.endpoint(service.entrance)}{service.route}{service.reading.path}", status=service.reading.status
    )


def _checkout(platform: Platform, service: Any) -> Ask:
    functions, name = platform.client("lambda"), platform.output(service.key("FunctionName"))
    payload = checkout_event(service.stress.name, platform.operator_token())

    def ask() -> bool:
        try:
            answer = functions.invoke(FunctionName=name, Payload=payload)
            return "FunctionError" not in answer and has_checked_out(answer["Payload"].read())
        except (ClientError, BotoCoreError):
            return False

    return ask


_KINDS: dict[type[Service], Callable[[Platform, Any], Ask]] = {HttpService: _reading, FunctionService: _checkout}
