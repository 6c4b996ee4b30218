"""One resource that a stack has made, as GetAtt, the stack's tables and the next change of it ask for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import Refused
from infrastructure.embedded.stacks.members import members, named
from infrastructure.embedded.stacks.resource_type import Members, Properties, ResourceType, Source, Step


@dataclass(slots=True, kw_only=True)
class Made:
    """A resource that exists, with the resolved properties it was made with."""

    kind: ResourceType
    logical_id: str
    name: str
    call: CallApi
    region: str
    physical_resource_id: str
    """What Ref gives; moto reads it by this name, and the next two."""
    properties: Properties
    is_retained: bool = False
    is_unfinished: bool = False
    """Whether its creation was cancelled."""
    _described: Mapping[str, Any] | None = field(default=None)

    @property
    def logical_resource_id(self) -> str:
        return self.logical_id

    @property
    def cf_resource_type(self) -> str:
        return self.kind.type

    def get_cfn_attribute(self, name: str) -> Any:
        """What GetAtt gives, read when it is first asked for; `Refused` when the type has no such attribute."""
        known = self.kind.attributes
        if name not in known:
            raise Refused(f"{self.kind.type} has no attribute {name}; it has {', '.join(sorted(known)) or 'none'}")
        where = known[name]
        if isinstance(where, str) and "{" in where:
            found = where.format(ref=self.physical_resource_id, region=self.region)
        else:
            source = Source("described", where) if isinstance(where, str) else where
            found = self.value(source, Scope(properties=self.given()))
        if found is None:
            raise Refused(f"{self.logical_id} has no {name}")
        return found

    def describe(self) -> Any:
        """The resource as its API describes it now; None when it does not."""
        step = self.kind.describe
        if step is None:
            return None
        found = at(self.call(self.kind.api, step.action, **self.members(step)), self.kind.item)
        return _first(found)

    def members(self, step: Step, scope: "Scope | None" = None) -> dict[str, Any]:
        """The members of a call that takes no properties."""
        return members(self.kind.api, step.action, self.where(step, scope))

    def where(self, step: Step, scope: "Scope | None" = None) -> dict[str, Any]:
        """What a call takes beside properties: which resource it is about, and what else it needs."""
        api, action = self.kind.api, step.action
        key = {named(api, action, name) or named(api, action, f"{name}s"): each for name, each in self.kind.key.items()}
        return self.values({**{name: each for name, each in key.items() if name}, **step.where}, scope)

    def given(self) -> Properties:
        """The properties as calls take them, with the name that it has."""
        normal = self.properties if self.kind.normal is None else self.kind.normal(self.properties)
        return {**normal, self.kind.name: self.name} if self.kind.name else normal

    def values(self, wanted: Members, scope: "Scope | None" = None) -> dict[str, Any]:
        """`wanted` with its sources read; what has no value is left out."""
        known = scope or Scope(properties=self.given())
        found = {name: self.value(each, known) for name, each in wanted.items()}
        return {name: each for name, each in found.items() if each is not None}

    def value(self, wanted: Any, scope: "Scope") -> Any:
        """A constant, or what its source says."""
        if isinstance(wanted, Source):
            return self._read(wanted, scope)
        if isinstance(wanted, Mapping):
            return self.values(wanted, scope) or None
        if isinstance(wanted, list):
            return [self.value(each, scope) for each in wanted]
        return wanted(self.physical_resource_id) if callable(wanted) else wanted

    def _read(self, source: Source, scope: "Scope") -> Any:
        match source.of:
            case "ref":
                return self.physical_resource_id
            case "property":
                return at(scope.properties, source.path)
            case "former":
                return at(scope.former, source.path)
            case "element":
                return at(scope.element, source.path)
            case "attribute":
                return self.get_cfn_attribute(source.path)
            case "constraint":
                return None if self.region == "us-east-1" else self.region
        if self._described is None:
            self._described = self.describe()
        return at(self._described, source.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What sources are read from, beside the resource itself."""

    properties: Properties
    former: Properties | None = None
    element: Any = None


def at(value: Any, path: str) -> Any:
    """What `value` has at a dotted path, on the way of lists the first; None when it has nothing there."""
    for name in path.split(".") if path else ():
        value = _first(value)
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _first(value: Any) -> Any:
    if isinstance(value, list):
        return value[0] if value else None
    return value
