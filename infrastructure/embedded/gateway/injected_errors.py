"""Errors injected into AWS calls by rule, for chaos experiments; rules are set through `/_cafe/faults`.

    POST /_cafe/faults   {"service": "sqs", "action": "SendMessage", "rate": 0.5, "code": "ServiceUnavailable",
                          "status": 503}, optionally "caller" and "message"
    GET /_cafe/faults    the rules      DELETE /_cafe/faults?id=3   one rule      DELETE /_cafe/faults   all of them

Rules live as long as the process. The random generator is seeded, so the same calls meet the same errors.
"""

import random
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

import orjson

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway.call import Answer, Call, Handler
from infrastructure.embedded.gateway.errors import error
from infrastructure.embedded.gateway.pages import BODY, METHOD, Page, json_answer

ANY = "*"
LIMIT = 100
"""Rules at one time."""
_ID = re.compile(r"[0-9]{1,18}")
_CODE = re.compile(r"[\w.:#-]{1,200}", re.ASCII)
"""An error's code travels in a header and in XML."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRule:
    """Which calls fail, how often and how. `rate` is a probability; `caller` a service, a user; `*` means any."""

    id: int
    service: str
    action: str = ANY
    caller: str = ANY
    rate: float = 1.0
    code: str = "InternalFailure"
    message: str = "injected by an experiment"
    status: int = 500

    def concerns(self, call: Call) -> bool:
        wanted = ((self.service, call.service), (self.action, call.action), (self.caller, call.caller))
        return all(rule in (ANY, value) for rule, value in wanted)


class InjectedErrors:
    """Answers a call with the error of the first rule that concerns it, at that rule's rate. Counts what it did."""

    def __init__(self, *, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311  # reproducible experiments, nothing secret
        self._rules: dict[int, ErrorRule] = {}
        self._injected: dict[int, int] = {}
        self._next = 1
        self.pages: Mapping[str, Page] = {"faults": self._page}

    async def __call__(self, call: Call, handle: Handler) -> Answer:
        """Fail the call, or pass it on."""
        for rule in self._rules.values():
            if rule.concerns(call) and self._random.random() < rule.rate:
                self._injected[rule.id] += 1
                return error(call, rule.code, rule.message, status=rule.status)
        return await handle(call)

    def add(self, wanted: Mapping[str, object]) -> ErrorRule:
        """Add a rule; `ValueError` names everything that is wrong with it."""
        if len(self._rules) >= LIMIT:
            raise ValueError(f"there are {LIMIT} rules already; delete some")
        problems = _problems(wanted)
        if problems:
            raise ValueError("; ".join(problems))
        rule = ErrorRule(id=self._next, **wanted)  # type: ignore[arg-type]  # _problems checked names and types
        self._next += 1
        self._rules[rule.id] = rule
        self._injected[rule.id] = 0
        return rule

    def remove(self, rule_id: int | None = None) -> int:
        """Remove one rule, or all; how many went."""
        gone = [rule_id] if rule_id in self._rules else list(self._rules) if rule_id is None else []
        for each in gone:
            del self._rules[each], self._injected[each]
        return len(gone)

    async def _page(self, query: dict[str, str]) -> bytes | Answer:
        if query[METHOD] == "GET":
            rules = [{**asdict(rule), "injected": self._injected[rule.id]} for rule in self._rules.values()]
            return orjson.dumps({"rules": rules})
        if query[METHOD] == "DELETE":
            given = query.get("id")
            if given is not None and not _ID.fullmatch(given):
                return json_answer(400, {"error": f"id is a number, not {given!r}"})
            return orjson.dumps({"removed": self.remove(int(given) if given else None)})
        if query[METHOD] != "POST":
            return json_answer(405, {"error": f"{query[METHOD]} is not one of GET, POST, DELETE"})
        try:
            wanted = orjson.loads(query[BODY])
            return json_answer(201, asdict(self.add(wanted if isinstance(wanted, dict) else {})))
        except ValueError as refusal:
            return json_answer(400, {"error": str(refusal)})


def _problems(wanted: Mapping[str, object]) -> list[str]:
    known = {each.name: each.type for each in fields(ErrorRule) if each.name != "id"}
    problems = [f"{name!r} is not one of {', '.join(known)}" for name in wanted if name not in known]
    texts = ("service", "action", "caller", "code", "message")
    problems += [
        f"{name} is a text, not {wanted[name]!r}" for name in texts if not isinstance(wanted.get(name, ""), str)
    ]
    services = [ANY, *sorted({api.name for api in PROVIDERS})]
    if wanted.get("service") not in services:
        problems.append(f"service {wanted.get('service')!r} is not one of {', '.join(services)}")
    code = wanted.get("code", "Code")
    if isinstance(code, str) and not _CODE.fullmatch(code):
        problems.append(f"code is a name such as ServiceUnavailable, not {code!r}")
    if isinstance(wanted.get("status"), float):
        problems.append(f"status is a whole number, not {wanted['status']!r}")
    problems += _out_of_range(wanted, "rate", 0.0, 1.0) + _out_of_range(wanted, "status", 400, 599)
    return problems


def _out_of_range(wanted: Mapping[str, object], name: str, low: float, high: float) -> list[str]:
    value = wanted.get(name, low)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
        return [f"{name} is a number from {low} to {high}, not {value!r}"]
    return []
