"""What the embedded cloud does of each AWS API, from the code that does it: `python -m infrastructure.embedded.parity`.

A call has a **real effect** (a controller or the API's entry declares it), is a **record only** (moto implements it:
what was written is read back, and nothing else happens), or is **refused** with status 501. The committed PARITY.md is
this module's output; a test compares the two.
"""

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import botocore.session

from infrastructure.embedded.gateway.providers import APIS, Api
from infrastructure.embedded.moto import imports, patches
from infrastructure.embedded.stacks.types import BY_NAME

ACCOUNT = "123456789012"
REGION = "us-east-1"
_CLIENTS: Mapping[str, str] = {
    "elasticloadbalancing": "elbv2",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
}
"""SDK names of APIs that are signed by another one."""
_HEAD = """\
# Parity with AWS

Written by `python -m infrastructure.embedded.parity`; do not edit. Per API call:

- **real effect**: on this machine it does to real processes and data what it does on AWS;
- **record only**: what was written is read back; no process, packet or bill follows it;
- **refused**: error `UnsupportedOperation`, status 501, which no SDK retries. So is every API that is not listed.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """One API: its real effects by call, the calls that are records only; what AWS has beyond is refused."""

    api: Api
    effects: Mapping[str, str]
    records: tuple[str, ...]
    has_refused: bool


def table() -> tuple[Parity, ...]:
    """All APIs, by name."""
    imports.prepare(account=ACCOUNT, region=REGION)
    declared = _declared_by_controllers()
    return tuple(_of(api, {**api.effects, **declared.get(api.name, {})}) for api in APIS)


def operations(api: Api) -> frozenset[str]:
    """All operations that AWS has in this API."""
    session = botocore.session.get_session()
    return frozenset(session.get_service_model(_CLIENTS.get(api.name, api.name)).operation_names)


def _of(api: Api, effects: Mapping[str, str]) -> Parity:
    known = operations(api)
    if not api.moto:
        records = _recorded_by_controllers().get(api.name, ())
        return Parity(api=api, effects=effects, records=records, has_refused=bool(known - set(effects) - set(records)))
    if not api.handler:
        return Parity(api=api, effects=effects, records=(), has_refused=False)
    from moto.core.utils import camelcase_to_underscores

    methods = {name for name, _ in inspect.getmembers(imports.handler(api.moto, api.handler), inspect.isfunction)}
    done = {name for name in known if camelcase_to_underscores(name) in methods and api.provides(name)}
    records = tuple(sorted(done - set(effects)))
    return Parity(api=api, effects=effects, records=records, has_refused=bool(known - done - set(effects)))


def _declared_by_controllers() -> dict[str, Mapping[str, str]]:
    from infrastructure.embedded.control.controllers import CONTROLLERS

    return {each.name: getattr(each, "effects", {}) for each in CONTROLLERS if hasattr(each, "name")}


def _recorded_by_controllers() -> dict[str, tuple[str, ...]]:
    """Where a controller keeps the records itself, the calls that are nothing more."""
    from infrastructure.embedded.control.controllers import CONTROLLERS

    return {each.name: getattr(each, "records", ()) for each in CONTROLLERS if hasattr(each, "name")}


def document() -> str:
    """PARITY.md."""
    return "\n".join((_HEAD, *_apis(), *_types(), *_patches()))


def _apis() -> Iterator[str]:
    for parity in table():
        yield f"## {parity.api.name}\n"
        if parity.api.note:
            yield f"{parity.api.note}\n"
        if parity.effects:
            yield "| call | real effect |\n|---|---|"
            yield from (f"| {call} | {effect} |" for call, effect in sorted(parity.effects.items()))
            yield ""
        if parity.records:
            yield f"Record only ({len(parity.records)}): {', '.join(parity.records)}.\n"
        if parity.has_refused:
            yield "Refused: every other call of this API.\n"


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
