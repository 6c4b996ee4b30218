"""Which calls a resource's creation, change and deletion take, and with which members. Nothing is called here."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from infrastructure.embedded.stacks.made import Made, Scope
from infrastructure.embedded.stacks.members import members, named
from infrastructure.embedded.stacks.resource_type import Each, Members, Properties, ResourceType, Source, Step
from infrastructure.embedded.stacks.schemas import schema_of

PlannedCall = tuple[str, dict[str, Any]]
"""An action and its members."""


def creation(made: Made, step: Step, properties: Properties) -> PlannedCall:
    """The call that creates: it takes all properties but those that other calls set afterwards."""
    kind = made.kind
    later = {name for each in kind.changes if each.is_setting for name in taken(kind, each)}
    later |= {each.on for each in kind.elements if not each.is_created_with}
    later |= set() if is_tagged_on_creation(kind) else {"Tags"}
    chosen = {name: value for name, value in properties.items() if name not in later}
    return _call(made, step, chosen, made.values(step.where, Scope(properties=properties)))


def completion(made: Made, properties: Properties) -> list[PlannedCall]:
    """What is left after the creation: settings, elements, and tags that its call does not take."""
    settings = [step for step in made.kind.changes if step.is_setting and set(taken(made.kind, step)) & set(properties)]
    calls = [each for step in settings for each in _change(made, step, properties, {}, frozenset(properties))]
    further = [listed for listed in made.kind.elements if not listed.is_created_with]
    calls += [each for listed in further for each in _elements(made, listed, None, properties)]
    return calls if is_tagged_on_creation(made.kind) else [*calls, *_tagging(made, {}, properties)]


def change(made: Made, old: Properties, new: Properties) -> list[PlannedCall]:
    """What makes a resource with the properties `old` one with `new`; `made` has the new ones already."""
    kind, changed = made.kind, frozenset(changes(old, new))
    calls: list[PlannedCall] = []
    if kind.is_put and kind.create is not None and changed - {"Tags"}:
        calls.append(creation(made, kind.create, {name: value for name, value in new.items() if name != "Tags"}))
    for step in kind.changes:
        if changed & set(taken(kind, step)):
            calls += _change(made, step, new, old, changed)
    for listed in kind.elements:
        if changed & {listed.on, *listed.again}:
            calls += _elements(made, listed, old, new)
    return [*calls, *_tagging(made, old, new)]


def deletion(made: Made) -> list[PlannedCall]:
    """What deletes it, elements first that it cannot be deleted with."""
    first = [listed for listed in made.kind.elements if listed.is_removed_first]
    calls = [each for listed in first for each in _elements(made, listed, made.given(), {})]
    step = made.kind.delete
    return calls if step is None else [*calls, (step.action, made.members(step))]


def changes(before: Properties, after: Properties) -> tuple[str, ...]:
    """Names of the properties that differ."""
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def changeable(kind: ResourceType) -> frozenset[str]:
    """Properties that can change in place."""
    elements = {name for each in kind.elements for name in (each.on, *each.again)}
    steps = {name for each in kind.changes for name in taken(kind, each)}
    schema = schema_of(kind.type)
    put = schema.properties - schema.create_only if kind.is_put else frozenset()
    return frozenset({*elements, *steps, *put, *(() if kind.tags is None else ("Tags",))})


def makes_another(kind: ResourceType, name: str, before: Any, after: Any) -> bool:
    """Whether AWS's schema says that this change of a property makes another resource, and no call here does it."""
    schema = schema_of(kind.type)
    is_claimed = name not in schema.fixed_parts and name in changeable(kind)
    return not is_claimed and schema.makes_another(name, before, after)


@cache
def taken(kind: ResourceType, step: Step) -> tuple[str, ...]:
    """The properties that a change's call takes: those it names, else what AWS's schema and no other call leaves."""
    if step.on:
        return step.on
    schema = schema_of(kind.type)
    claimed = {name for each in kind.changes for name in each.on} | {each.on for each in kind.elements} | {"Tags"}
    free = sorted(schema.properties - schema.create_only - schema.read_only - claimed)
    if step.shape is not None:
        return tuple(free)
    return tuple(name for name in free if named(kind.api, step.action, kind.rename.get(name, name)))


@cache
def is_tagged_on_creation(kind: ResourceType) -> bool:
    """Whether the call that creates takes tags along."""
    return kind.create is not None and named(kind.api, kind.create.action, "Tags") is not None


def _call(made: Made, step: Step, chosen: Properties, where: Members) -> PlannedCall:
    mentioned = set(_mentioned(step.where))
    rename = made.kind.rename
    given = {rename.get(name, name): value for name, value in chosen.items() if name not in mentioned}
    if step.shape is not None:
        given = {name: value for name, value in step.shape(chosen).items() if value is not None}
    return step.action, members(made.kind.api, step.action, {**given, **where})


def _mentioned(where: Any) -> Iterator[str]:
    """Properties that go into a call by `where`."""
    match where:
        case Source("property", path):
            yield path.partition(".")[0]
        case Mapping():
            yield from _mentioned(list(where.values()))
        case list():
            for each in where:
                yield from _mentioned(each)


def _change(made: Made, step: Step, new: Properties, old: Properties, changed: frozenset[str]) -> Iterator[PlannedCall]:
    """The call of one step; none when it would only take away what has no default."""
    wanted = [name for name in taken(made.kind, step) if step.whole or name in changed]
    scope = Scope(properties=new, former=old)
    gone = {name: made.value(step.defaults[name], scope) for name in wanted if name in step.defaults}
    chosen = {**gone, **{name: new[name] for name in wanted if name in new}}
    if chosen and (step.when is None or step.when(chosen, old)):
        yield _call(made, step, chosen, made.where(step, replace(scope, properties={**new, **chosen})))
    if not chosen and step.without is not None:
        yield step.without.action, made.members(step.without, scope)


def _elements(made: Made, listed: Each, old: Properties | None, new: Properties) -> Iterator[PlannedCall]:
    """What takes away and what puts the elements that differ; `old` is None of a resource that was just made."""
    initially = list(listed.initially)
    before = initially if old is None else old.get(listed.on, initially)
    after = new.get(listed.on, initially)
    is_again = old is not None and any(old.get(name) != new.get(name) for name in listed.again)
    scopes = [Scope(properties=new, element=each) for each in after]
    put = [_element(made, listed, scope) for scope in scopes]
    for element in before:
        given = _element(made, listed, Scope(properties=old or new, element=element))
        if element not in after and given not in put:
            yield listed.remove, members(made.kind.api, listed.remove, given)
    for scope, given in zip(scopes, put, strict=True):
        if is_again or scope.element not in before:
            more = made.values(listed.adds, scope)
            yield listed.add, members(made.kind.api, listed.add, {**given, **more})


def _element(made: Made, listed: Each, scope: Scope) -> Members:
    shaped = {} if listed.shape is None else listed.shape(scope.element)
    return {**made.where(Step(listed.add, where=listed.where), scope), **shaped}


def _tagging(made: Made, old: Properties, new: Properties) -> Iterator[PlannedCall]:
    """Tags that are gone are removed, those that are new or other are set."""
    tags = made.kind.tags
    if tags is None:
        return
    before, after = _tag_map(old), _tag_map(new)
    gone = [key for key in before if key not in after]
    put = [{"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value]
    if gone:
        has_keys = named(made.kind.api, tags.remove, "TagKeys") is not None
        keys = {"TagKeys": gone} if has_keys else {"Tags": [{"Key": key} for key in gone]}
        yield tags.remove, members(made.kind.api, tags.remove, {**made.values(tags.where), **keys})
    if put:
        yield tags.add, members(made.kind.api, tags.add, {**made.values(tags.where), "Tags": put})


def _tag_map(properties: Properties) -> dict[str, str]:
    """Most types list their tags; some have a map of them."""
    tags = properties.get("Tags", ())
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    return {str(each["Key"]): str(each["Value"]) for each in tags}
