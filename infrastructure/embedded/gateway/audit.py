"""Who changed what: the latest mutating control calls, in memory and at `/_cafe/audit`. No secret is kept."""

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import orjson

from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.pages import Page, json_answer

KEPT = 2_000
LONGEST = 200
"""Characters of a value that are kept; a template or a policy says enough in its first ones."""
REDACTED = "***"
_NUMBER = re.compile(r"[0-9]{1,18}")
_SECRET = ("secret", "password", "token", "credential", "private", "authorization", "accesskey")
_NOT_SECRET = frozenset({"secretid", "secretarn", "clientrequesttoken", "clienttoken", "nexttoken"})


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One mutating call. `at` is in Unix seconds, `number` grows by one a call."""

    number: int
    at: float
    caller: str
    service: str
    action: str
    status: int
    parameters: Mapping[str, object]


class Audit:
    """Notes each mutating control call with its outcome. `records` are the latest, oldest first."""

    def __init__(self, *, kept: int = KEPT) -> None:
        self.records: deque[AuditRecord] = deque(maxlen=kept)
        self._number = 0
        self.pages: Mapping[str, Page] = {"audit": self._page}

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        """Pass on; note what came of it, also when it was refused."""
        answer = await handle(call)
        if call.is_mutation:
            self._number += 1
            self.records.append(
                AuditRecord(
                    number=self._number,
                    at=call.at,
                    caller=call.caller,
                    service=call.service,
                    action=call.action,
                    status=answer.status,
                    parameters=_shown_all(call.parameters),
                )
            )
        return answer

    async def _page(self, query: dict[str, str]) -> bytes | Answer:
        """JSON lines; `?after=N` leaves out the records up to number N."""
        given = query.get("after", "0")
        if not _NUMBER.fullmatch(given):
            return json_answer(400, {"error": f"after is the number of a record, not {given!r}"})
        after = int(given)
        lines = (orjson.dumps(asdict(record)) for record in self.records if record.number > after)
        return b"".join(line + b"\n" for line in lines)


def _shown_all(parameters: Mapping[str, object]) -> dict[str, object]:
    """The parameters; a value of a stack's parameter is judged by its key, which stands beside it."""
    shown = {name: _shown(name, value) for name, value in parameters.items()}
    for name in parameters:
        if name.endswith(".ParameterValue"):
            key = str(parameters.get(f"{name.removesuffix('Value')}Key", ""))
            shown[name] = _shown(key, parameters[name])
    return shown


def _shown(name: str, value: object) -> object:
    """`value` without secrets and no longer than `LONGEST`; `name` is the parameter's, dotted in query protocols."""
    last = name.rpartition(".")[2].lower()
    if last not in _NOT_SECRET and any(word in last for word in _SECRET):
        return REDACTED
    if isinstance(value, dict):
        if _names_a_secret(value):
            return {key: REDACTED if key in ("value", "Value") else _shown(key, each) for key, each in value.items()}
        return {str(key): _shown(str(key), each) for key, each in value.items()}
    if isinstance(value, list):
        return [_shown(name, each) for each in value[:50]]
    if isinstance(value, bytes):  # an object, a package: kept here, it would stay for two thousand calls
        return f"({len(value)} bytes)"
    if isinstance(value, str) and len(value) > LONGEST:
        return f"{value[:LONGEST]}… ({len(value)} characters)"
    return value


def _names_a_secret(value: Mapping[object, object]) -> bool:
    """Whether this is a pair such as ECS's `{name: DB_PASSWORD, value: …}`."""
    named = str(value.get("name", value.get("Name", value.get("Key", "")))).lower()
    return any(word in named for word in _SECRET)
