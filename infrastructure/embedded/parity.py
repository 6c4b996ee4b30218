"""What the embedded cloud does of each AWS API, from the code that does it: `python -m infrastructure.embedded.parity`.

A call has a **real effect**, is a **record only** for a reason that is given, is a **read**, or is **refused** with
status 501. It is the table of operations that the gateway goes by. The committed PARITY.md is this module's output; a
test compares the two.
"""

import importlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import botocore.session

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.operations import Operation, declared
from infrastructure.embedded.lags import LAGS
from infrastructure.embedded.moto import imports, patches
from infrastructure.embedded.stacks.types import BY_NAME

ACCOUNT = "123456789012"
REGION = "us-east-1"
_HEAD = """\
# Parity with AWS

Written by `python -m infrastructure.embedded.parity`; do not edit. Per API call:

- **real effect**: on this machine it does to real processes and data what it does on AWS;
- **record only**: what was written is read back; no process, packet or bill follows it, for the reason given;
- **read**: answers what the others did; never stale, where AWS's control planes are eventually consistent;
- **refused**: error `UnsupportedOperation`, status 501, which no SDK retries. So is every API that is not listed.

What AWS does late or half is in the table of lags; where a call is kinder than AWS all the same, its line says how.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """One API: its real effects by call, its records by reason, its reads; what AWS has beyond is refused."""

    api: Api
    effects: Mapping[str, str]
    records: Mapping[str, tuple[str, ...]]
    reads: tuple[str, ...]
    has_refused: bool

    @property
    def answered(self) -> frozenset[str]:
        """Every operation that is not refused."""
        recorded = {name for names in self.records.values() for name in names}
        return frozenset({*self.effects, *recorded, *self.reads})


def table() -> tuple[Parity, ...]:
    """All APIs, by name."""
    imports.prepare(account=ACCOUNT, region=REGION)
    return tuple(sorted((_of(api) for api in PROVIDERS), key=lambda parity: parity.api.key))


def operations(api: Api) -> frozenset[str]:
    """All operations that AWS has in this API."""
    return frozenset(botocore.session.get_session().get_service_model(api.model_name).operation_names)


def _of(api: Api) -> Parity:
    known, own = operations(api), _own(api)
    answered = {name for name in known if name in own or (api.allows(name) and _is_in_moto(api, name))}
    effects = {name: text for name in answered if (text := _effect(api, own.get(name), name))}
    reasons: dict[str, list[str]] = {}
    for name in sorted(answered - set(effects)):
        reason = own[name].record if name in own else api.reason(name)
        if not api.is_read(name):
            reasons.setdefault(reason or "data", []).append(name)
    return Parity(
        api=api,
        effects=effects,
        records={reason: tuple(names) for reason, names in reasons.items()},
        reads=tuple(sorted(name for name in answered - set(effects) if api.is_read(name))),
        has_refused=bool(known - answered),
    )


def _effect(api: Api, own: Operation | None, name: str) -> str:
    return own.effect if own is not None else api.effects.get(name, "kept in memory" if name in api.data else "")


def _own(api: Api) -> dict[str, Operation]:
    if not api.controller:
        return {}
    imports.models(api.moto or "s3")
    module, _, name = api.controller.partition(":")
    return declared(getattr(importlib.import_module(module), name))


def _is_in_moto(api: Api, name: str) -> bool:
    if not api.moto:
        return False
    if not api.handler:
        return True  # its WSGI application alone can tell
    method = getattr(imports.handler(api.moto, api.handler), _underscored(name), None)
    return inspect.isfunction(method) and not _is_empty(method)


def _is_empty(method: Any) -> bool:
    """Whether all that moto has of the operation is its name."""
    return "NotImplementedError" in method.__code__.co_names and not {"ActionResult", "EmptyResult"} & {
        *method.__code__.co_names
    }


def _underscored(name: str) -> str:
    from moto.core.utils import camelcase_to_underscores

    found: Any = camelcase_to_underscores(name)
    return str(found)


def document() -> str:
    """PARITY.md."""
    return "\n".join((_HEAD, *_lags(), *_apis(), *_types(), *_patches()))


def _lags() -> Iterator[str]:
    yield "## Lags\n"
    yield "| API | what is late or half | `--pace aws` | `--pace fast` | source |\n|---|---|---|---|---|"
    for lag in LAGS:
        figures = (f"{figure:g} {lag.unit}" if lag.unit else "always" for figure in (lag.aws, lag.fast))
        yield f"| {lag.api} | {lag.what} | {' | '.join(figures)} | {lag.source} |"
    yield ""


def _apis() -> Iterator[str]:
    for parity in table():
        yield f"## {parity.api.key}\n"
        if parity.api.note:
            yield f"{parity.api.note}\n"
        if parity.effects:
            yield "| call | real effect | kinder than AWS: how |\n|---|---|---|"
            kinder = parity.api.kinder
            yield from (
                f"| {call} | {effect} | {kinder.get(call, '')} |" for call, effect in sorted(parity.effects.items())
            )
            yield ""
        for reason, names in sorted(parity.records.items()):
            yield f"Record only ({reason}): {', '.join(names)}.\n"
        if parity.reads:
            yield f"Read ({len(parity.reads)}): {', '.join(parity.reads)}.\n"
        yield from _tokens(parity)
        if parity.has_refused:
            yield "Refused: every other call of this API.\n"


def _tokens(parity: Parity) -> Iterator[str]:
    """Which calls are idempotent by a token."""
    tokens = {name: rule for name, rule in sorted(parity.api.tokens.items()) if name in parity.answered}
    for rule in dict.fromkeys(tokens.values()):
        listed = ", ".join(name for name, each in tokens.items() if each == rule)
        kept = f"it names {rule.names}" if rule.names else f"remembered for {rule.kept_s:.0f} s"
        yield f"Idempotent by `{rule.member}` ({kept}): {listed}.\n"


def _types() -> Iterator[str]:
    yield "## CloudFormation resource types\n"
    yield (
        "Made, changed and deleted by the API's own calls; properties are checked against AWS's schema of the type, "
        "and one that the calls do not take is refused by name: " + ", ".join(sorted(BY_NAME)) + ".\n"
    )
    yield "Any other type is refused before anything is made.\n"


def _patches() -> Iterator[str]:
    yield "## Corrections of moto\n"
    for names in patches.PATCHES.values():
        for name in names:
            module = patches.load(name)
            path = name.removeprefix("infrastructure.embedded.").replace(".", "/")
            yield f"- `{path}`: {(inspect.getdoc(module) or '').splitlines()[0]}"


if __name__ == "__main__":
    sys.stdout.write(document() + "\n")
