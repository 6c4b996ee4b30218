"""What a stack's next template would do to its resources, found out without doing anything.

Properties are resolved as an update would resolve them, but what only an update could tell (the Ref of a resource that
is still to be made, an attribute of one that changes) is not known: a property that comes from it may change
("Dynamic"). Source: AWS CloudFormation API Reference, ResourceChange, ResourceChangeDetail, ResourceTargetDefinition.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from moto.cloudformation import parsing

from infrastructure.embedded.stacks import plan
from infrastructure.embedded.stacks.errors import Refused
from infrastructure.embedded.stacks.made import Made
from infrastructure.embedded.stacks.resource_type import Properties, ResourceType
from infrastructure.embedded.stacks.template import Template, mentions, order
from infrastructure.embedded.stacks.types import BY_NAME

UNKNOWN = "{{changeSet:KNOWN_AFTER_APPLY}}"
"""AWS's own word for a value that only the execution can tell."""
_ATTRIBUTES = ("CreationPolicy", "DeletionPolicy", "Metadata", "UpdatePolicy", "UpdateReplacePolicy")
"""What of a resource can change beside its properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One reason for a change: which property, or `attribute` of the resource, and why."""

    attribute: str
    name: str = ""
    recreation: str = "Never"
    """Whether a change of it makes another resource: Always or Never."""
    is_static: bool = True
    source: str = "DirectModification"
    cause: str = ""

    def told(self) -> dict[str, Any]:
        target = {"Attribute": self.attribute, "Name": self.name or None, "RequiresRecreation": self.recreation}
        return {
            "Target": target,
            "Evaluation": "Static" if self.is_static else "Dynamic",
            "ChangeSource": self.source,
            "CausingEntity": self.cause or None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would happen to one resource; `before` and `after` are its properties."""

    action: str
    logical_id: str
    kind: str
    physical_id: str | None = None
    details: tuple[Detail, ...] = ()
    policy: str | None = None
    """What becomes of the resource that goes: Delete, Retain."""
    before: Properties | None = None
    after: Properties | None = None

    @property
    def replacement(self) -> str | None:
        """Whether another resource takes its place."""
        if self.action != "Modify":
            return None
        made_anew = [each for each in self.details if each.recreation == "Always"]
        if any(each.is_static for each in made_anew):
            return "True"
        return "Conditional" if made_anew else "False"

    def told(self) -> dict[str, Any]:
        """As AWS describes it."""
        replacement, policy = self.replacement, self.policy
        if replacement == "True":
            policy = "ReplaceAndDelete"
        return {
            "Action": self.action,
            "LogicalResourceId": self.logical_id,
            "PhysicalResourceId": self.physical_id,
            "ResourceType": self.kind,
            "Replacement": replacement,
            "PolicyAction": policy,
            "Scope": sorted({each.attribute for each in self.details}),
            "Details": [each.told() for each in self.details],
            "BeforeContext": _context(self.before),
            "AfterContext": _context(self.after),
        }


def between(
    standing: Mapping[str, Made], former: Template, former_map: Any, template: Template, resources: Any
) -> tuple[Change, ...]:
    """The changes from what is `standing`, made by `former`, to `template`, in the order in which they would be made.

    The maps are moto's, of the two templates; that of the new one is used up. `Refused` for what cannot be told.
    """
    comparison = _Comparison(
        standing=standing, former=former, former_map=former_map, template=template, resources=resources
    )
    resources._parsed_resources.update(standing)
    found = [change for name in order(template) if (change := comparison.of(name)) is not None]
    gone = [name for name in reversed(tuple(standing)) if not comparison.is_wanted(name)]
    return (*found, *(_removal(standing[name]) for name in gone))


def _removal(made: Made) -> Change:
    return Change(
        action="Remove",
        logical_id=made.logical_id,
        kind=made.kind.type,
        physical_id=made.physical_resource_id,
        policy="Retain" if made.is_retained else "Delete",
        before=made.properties,
    )


@dataclass(slots=True, kw_only=True)
class _Comparison:
    """Goes through the new template in order: what a resource refers to has been looked at before."""

    standing: Mapping[str, Made]
    former: Template
    former_map: Any
    template: Template
    resources: Any
    _modified: set[str] = field(default_factory=set)
    """Resources whose attributes an update may change."""
    _unknown: set[str] = field(default_factory=set)
    """Resources whose Ref only an update can tell."""

    def is_wanted(self, name: str) -> bool:
        declared = self.template["Resources"].get(name)
        condition = None if declared is None else declared.get("Condition")
        return declared is not None and (condition is None or bool(self.resources.lazy_condition_map[condition]))

    def of(self, name: str) -> Change | None:
        """What would happen to the resource; None for nothing."""
        if not self.is_wanted(name):
            return None
        declared, made = self.template["Resources"][name], self.standing.get(name)
        after = self._resolved(declared.get("Properties") or {})
        if made is None:
            self._put_off(name, declared["Type"])
            return Change(action="Add", logical_id=name, kind=declared["Type"], after=after)
        details = (*self._attributes(name, declared), *self._properties(name, declared, made, after))
        if not details:
            return None
        change = Change(
            action="Modify",
            logical_id=name,
            kind=made.kind.type,
            physical_id=made.physical_resource_id,
            details=details,
            before=made.properties,
            after=after,
        )
        self._modified.add(name)
        if change.replacement != "False":
            self._put_off(name, made.kind.type)
        return change

    def _put_off(self, name: str, kind: str) -> None:
        self._unknown.add(name)
        self.resources._parsed_resources[name] = _Unmade(name, BY_NAME[kind])

    def _attributes(self, name: str, declared: Mapping[str, Any]) -> Iterator[Detail]:
        former = self.former["Resources"].get(name, {})
        for attribute in _ATTRIBUTES:
            if declared.get(attribute) != former.get(attribute):
                yield Detail(attribute=attribute)

    def _properties(self, name: str, declared: Mapping[str, Any], made: Made, after: Properties) -> Iterator[Detail]:
        given, former = declared.get("Properties") or {}, self.former["Resources"].get(name, {}).get("Properties") or {}
        different = plan.changes(made.properties, after)
        for each in sorted({*given, *made.properties}):
            is_tags = each == "Tags"
            whole = Detail(
                attribute="Tags" if is_tags else "Properties",
                name="" if is_tags else each,
                recreation=_recreation(made, each, after),
            )
            reasons = list(self._reasons(whole, given.get(each), is_different=each in different))
            if each in different and (given.get(each) != former.get(each) or not reasons):
                yield whole
            yield from reasons

    def _reasons(self, whole: Detail, value: Any, *, is_different: bool) -> Iterator[Detail]:
        """Why a property changes, or may, beside what the template itself says of it."""
        for entity, attribute in dict.fromkeys(mentions(value)):
            if entity in self.resources.resolved_parameters:
                before = self.former_map.resolved_parameters.get(entity)
                if is_different and before != self.resources.resolved_parameters[entity]:
                    yield replace(whole, source="ParameterReference", cause=entity)
            elif attribute and entity in self._modified | self._unknown:
                cause = f"{entity}.{attribute}"
                yield replace(whole, source="ResourceAttribute", cause=cause, is_static=False)
            elif not attribute and entity in self._unknown:
                yield replace(whole, source="ResourceReference", cause=entity, is_static=False)

    def _resolved(self, declared: Properties) -> dict[str, Any]:
        """The properties as far as they can be told."""
        found: dict[str, Any] = {}
        for name, value in declared.items():
            try:
                found |= copy.deepcopy(parsing.clean_json({name: value}, self.resources))
            except Exception:
                if not any(entity in self._unknown for entity, _ in mentions(value)):
                    raise
                found[name] = UNKNOWN  # a part of what is not known
        return found


@dataclass(frozen=True, slots=True)
class _Unmade:
    """Stands for a resource that is still to be made."""

    logical_id: str
    kind: ResourceType

    @property
    def physical_resource_id(self) -> str:
        return UNKNOWN

    def get_cfn_attribute(self, name: str) -> str:
        if name not in self.kind.attributes:
            known = ", ".join(sorted(self.kind.attributes)) or "none"
            raise Refused(f"{self.kind.type} has no attribute {name}; it has {known}")
        return UNKNOWN


def _recreation(made: Made, name: str, after: Properties) -> str:
    kind = made.kind
    is_version = kind.is_versioned and name not in plan.changeable(kind)
    is_another = plan.makes_another(kind, name, made.properties.get(name), after.get(name))
    return "Always" if is_version or is_another else "Never"


def _context(properties: Properties | None) -> str | None:
    return None if properties is None else json.dumps({"Properties": properties}, default=str)
