"""The one way to answer a call by our own code: a method under `@operation("StopTask", effect="…")`.

It takes the operation's members under AWS's names and gives those of its output, at once or as an awaitable; it may go
on to moto, whose objects may be leaves of what it gives. What is bound here is asked before moto; calls from inside the
daemon (CloudFormation, scaling) take the same way, without the wire. An operation that moves too much for the models
gives `codec.Ready`; one that streams gives the answer itself.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from infrastructure.embedded.gateway.api import Api
from infrastructure.embedded.gateway.call import Answer, Call
from infrastructure.embedded.gateway.checks import rules

Members = Mapping[str, Any]
"""An operation's members under AWS's names."""
Output = Mapping[str, Any]
Method = Callable[[Members], "Output | Answer | Awaitable[Output | None] | None"]
Tagged = Callable[[], Iterable[tuple[str, Mapping[str, str]]]]
"""The ARN and the tags of every resource on record."""
_MARK = "__operation__"
_Answering = TypeVar("_Answering", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation that our code answers. `effect`: what it does for real; `record`: why it is a record only.

    Exactly one of the two, but for reads, which may have neither.
    """

    name: str
    effect: str = ""
    record: str = ""


def operation(name: str, *, effect: str = "", record: str = "") -> Callable[[_Answering], _Answering]:
    """Mark a method as the answer to the operation `name`."""
    if effect and record:
        raise ValueError(f"{name} has a real effect or is a record only, not both")

    def mark(method: _Answering) -> _Answering:
        setattr(method, _MARK, Operation(name=name, effect=effect, record=record))
        return method

    return mark


def declared(answering: type) -> dict[str, Operation]:
    """The operations that instances of a class answer, and of the classes in its `PARTS`, by name."""
    found = {each.name: each for each, _ in _marked(answering)}
    for part in getattr(answering, "PARTS", ()):
        found |= declared(part)
    return found


def _marked(answering: object) -> Iterator[tuple[Operation, str]]:
    for attribute in dir(answering):
        mark = getattr(inspect.getattr_static(answering, attribute), _MARK, None)
        if mark is not None:
            yield mark, attribute


class Moto(Protocol):
    """The way into moto without a wire; see `moto.direct`."""

    def __call__(self, service: str, name: str, members: Members) -> Output: ...


_latest: "list[Operations]" = []


def current() -> "Operations":
    """Those of the cloud that was made last: moto's records belong to the process, and so does who answers."""
    return _latest[-1]


class Operations:
    """Who answers what of `apis`, by their keys. `moto` is asked where nothing is bound."""

    def __init__(self, apis: Mapping[str, Api], moto: Moto) -> None:
        self._apis = apis
        self._moto = moto
        self._bound: dict[tuple[str, str], Method] = {}
        self._tagged: list[Tagged] = []
        _latest[:] = [self]
        self.changed: Callable[[str, str], None] = lambda _service, _name: None
        """Hears of each mutating call from inside the daemon; the assembly sets it."""

    def bind(self, service: str, *parts: object) -> None:
        """Answer `service` (an API's key) by the operations of `parts` from now on; the latest one bound wins."""
        for part in parts:
            for mark, attribute in _marked(type(part)):
                self._bound[service, mark.name] = getattr(part, attribute)

    def api(self, service: str) -> Api | None:
        """The API of that key, or None."""
        return self._apis.get(service)

    def tag(self, tagged: Tagged) -> None:
        """List what `tagged` gives in the tagging API too: resources that moto has no records of."""
        self._tagged.append(tagged)

    def tagged(self) -> Iterable[tuple[str, Mapping[str, str]]]:
        """The ARN and the tags of every resource that controllers keep themselves."""
        return (pair for each in self._tagged for pair in each())

    def find(self, service: str, name: str) -> Method | None:
        """Our own answer to the operation, or None."""
        return self._bound.get((service, name))

    def answering(self, call: Call) -> Method | None:
        """Our own answer to a call from outside, or None."""
        return self.find(call.api.key, call.action) if call.api is not None else None

    def call(self, service: str, name: str, /, **members: Any) -> Output:
        """A call from inside the daemon; members that are None are left out. Raises what the API refuses with.

        `LookupError` for an operation that takes its time: nobody here could wait for it.
        """
        given = {member: value for member, value in members.items() if value is not None}
        rules.check(self._apis[service], name, given)
        method = self.find(service, name)
        if method is None:
            output: Any = self._moto(service, name, given)
        else:
            output = method(given)
            if isinstance(output, Answer):
                raise LookupError(f"{service}:{name} cannot be called from inside the daemon: it is for the wire")
            if inspect.isawaitable(output):
                if inspect.iscoroutine(output):
                    output.close()
                raise LookupError(f"{service}:{name} cannot be called from inside the daemon: it takes its time")
        if self._apis[service].is_mutation(name):
            self.changed(service, name)
        return output or {}

    def listed_beside(self, service: str, name: str, member: str, given: Members) -> Iterator[Any]:
        """What the APIs with the signing name of `service` list below `member` when they, too, answer the operation."""
        signed = self._apis[service].name
        for key, api in self._apis.items():
            if api.name == signed and key != service and self.find(key, name) is not None:
                yield from self.call(key, name, **given)[member]

    def moto(self, service: str, name: str, members: Members) -> Output:
        """What moto makes of the operation: for those of ours that go on to it."""
        return self._moto(service, name, members)
