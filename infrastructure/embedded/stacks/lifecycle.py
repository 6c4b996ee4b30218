"""Makes, changes and deletes one resource as its type says: `plan`s the calls of a change, then makes them.

    create ─▶ complete (settings, elements, tags)          update: in place, or another one ─▶ the former is deleted
                                                                                               by the engine, later
What can be known is known before the first call: an unchangeable property, a member that the API does not have.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import ApiError, Unchangeable
from infrastructure.embedded.stacks.made import Made, Scope, at
from infrastructure.embedded.stacks.members import members, takes
from infrastructure.embedded.stacks.resource_type import Each, Members, Properties, ResourceType, Source, Step
from infrastructure.embedded.stacks.schemas import schema_of

_GONE = ("NotFound", "DoesNotExist", "NonExistent", "NoSuch", "NotAttached")
"""What the APIs' error codes have in common that say that there is nothing to delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a resource is made: in whose name, by which calls."""

    logical_id: str
    call: CallApi
    region: str


def create(place: Place, kind: ResourceType, name: str, properties: Properties) -> Made:
    """The resource; what its creation's call does not take is for `complete`."""
    name = name.lower() if kind.is_lower_case else name
    made = Made(
        kind=kind,
        logical_id=place.logical_id,
        name=name,
        call=place.call,
        region=place.region,
        physical_resource_id=name,
        properties=properties,
    )
    if kind.create is None:
        return made
    given = _prepared(made, made.given(), frozenset(properties))
    output = place.call(kind.api, kind.create.action, **_creation(made, kind.create, given))
    ref = kind.ref if isinstance(kind.ref, str) else kind.ref(output, given)
    made.physical_resource_id = str(at(output, ref) if isinstance(kind.ref, str) and ref else ref or name)
    return made


def complete(made: Made) -> None:
    """Finish a resource that was just made; when this fails it is to be deleted again."""
    given = made.given()
    settings = [step for step in made.kind.changes if step.is_setting and set(step.on) & set(given)]
    calls = [_call(made, step, given, {}, frozenset(given)) for step in settings]
    calls += [each for listed in made.kind.elements for each in _elements(made, listed, None, given)]
    if not _is_tagged_on_creation(made.kind):
        calls += _tagging(made, {}, given)
    _make(made, calls)


def updated(made: Made, name: str, properties: Properties) -> Made:
    """The resource with `properties`: this one, or another under `name` that is to take its place."""
    if is_replaced(made, properties):
        same = properties.get(made.kind.name, made.name)
        return _replacement(made, same if made.kind.is_versioned else name, properties)
    kind, after = made.kind, replace(made, properties=properties, _described=None)
    old, new = made.given(), after.given()
    changed = frozenset(changes(old, new))
    if not changed:
        return after
    new = _prepared(after, new, changed)
    if kind.is_put and kind.create is not None and changed != {"Tags"}:
        given = {key: each for key, each in new.items() if key != "Tags"}
        after.call(kind.api, kind.create.action, **_creation(after, kind.create, given))
    calls = [_call(after, step, new, old, changed) for step in kind.changes if changed & set(step.on)]
    for listed in kind.elements:
        if changed & {listed.on, *listed.again}:
            calls += _elements(after, listed, old, new)
    _make(after, [*calls, *_tagging(after, old, new)])
    return after


def is_replaced(made: Made, properties: Properties) -> bool:
    """Whether a change to `properties` makes another resource; `Unchangeable` when it cannot be made at all."""
    kind, schema = made.kind, schema_of(made.kind.type)
    in_place = set(kind.changeable())
    fixed = [name for name in changes(made.properties, properties) if name not in in_place]
    if kind.is_put:
        fixed = [name for name in fixed if name in schema.create_only]
    if not fixed or kind.is_versioned:
        return bool(fixed)
    if not schema.create_only & set(fixed):
        listed = f"{kind.type}: {', '.join(fixed)}"
        raise Unchangeable(f"{listed} cannot be changed in the embedded cloud; delete and create the stack")
    if kind.name in properties and properties[kind.name] == made.properties.get(kind.name):
        raise Unchangeable(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {properties[kind.name]} and update the stack again."
        )
    return True


def delete(made: Made) -> None:
    """Delete the resource; one that somebody deleted past the stack is no obstacle, as on AWS."""
    first = [listed for listed in made.kind.elements if listed.is_removed_first]
    calls = [each for listed in first for each in _elements(made, listed, made.properties, {})]
    for action, given in (*calls, *_deletion(made)):
        try:
            made.call(made.kind.api, action, **given)
        except ApiError as refusal:
            if not _says_gone(refusal):
                raise


def is_gone(made: Made) -> bool:
    """Whether a deletion has come to its end; asked until it has."""
    try:
        found = made.describe()
    except ApiError as refusal:
        if not _says_gone(refusal):
            raise
        found = None
    is_left = found is not None and not any(at(found, path) == state for path, state in made.kind.gone.items())
    waits = made.kind.is_still_there
    return not is_left and (waits is None or not waits(made.call, made.physical_resource_id, made.properties))


def changes(before: Properties, after: Properties) -> tuple[str, ...]:
    """Names of the properties that differ."""
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


_Call = tuple[str, dict[str, Any]]


def _make(made: Made, calls: Iterable[_Call | None]) -> None:
    for action, given in filter(None, tuple(calls)):
        made.call(made.kind.api, action, **given)


def _replacement(made: Made, name: str, properties: Properties) -> Made:
    other = create(Place(logical_id=made.logical_id, call=made.call, region=made.region), made.kind, name, properties)
    try:
        complete(other)
    except Exception:
        delete(other)
        raise
    return other


def _prepared(made: Made, properties: Properties, changed: frozenset[str]) -> Properties:
    prepare = made.kind.prepare
    return properties if prepare is None else prepare(made.call, properties, changed)


def _is_tagged_on_creation(kind: ResourceType) -> bool:
    return kind.create is not None and takes(kind.api, kind.create.action, "Tags")


def _creation(made: Made, step: Step, properties: Properties) -> dict[str, Any]:
    """Members of the call that creates: all properties but those that other calls set afterwards."""
    later = {name for each in made.kind.changes if each.is_setting for name in each.on}
    later |= {each.on for each in made.kind.elements}
    later |= set() if _is_tagged_on_creation(made.kind) else {"Tags"}
    chosen = {name: value for name, value in properties.items() if name not in later}
    return _members(made, step, chosen, made.values(step.where, Scope(properties=properties)))


def _members(made: Made, step: Step, chosen: Properties, where: Members) -> dict[str, Any]:
    named = set(_named_in(step.where))
    rename = made.kind.rename
    given = {rename.get(name, name): value for name, value in chosen.items() if name not in named}
    if step.shape is not None:
        given = {name: value for name, value in step.shape(chosen).items() if value is not None}
    return members(made.kind.api, step.action, {**given, **where})


def _named_in(where: Any) -> Iterator[str]:
    """Properties that go into a call by `where`."""
    match where:
        case Source("property", path):
            yield path.partition(".")[0]
        case Mapping():
            yield from _named_in(list(where.values()))
        case list():
            for each in where:
                yield from _named_in(each)


def _call(made: Made, step: Step, new: Properties, old: Properties, changed: frozenset[str]) -> _Call | None:
    """The call that a change needs, or None when it only takes away what has no default."""
    wanted = [name for name in step.on if step.whole or name in changed]
    scope = Scope(properties=new, former=old)
    gone = {name: made.value(step.defaults[name], scope) for name in wanted if name in step.defaults}
    chosen = {**gone, **{name: new[name] for name in wanted if name in new}}
    if not chosen:
        left = step.without
        return (
            None if left is None else (left.action, members(made.kind.api, left.action, made.values(left.where, scope)))
        )
    where = made.values(step.where, replace(scope, properties={**new, **chosen}))
    return step.action, _members(made, step, chosen, where)


def _deletion(made: Made) -> Iterator[_Call]:
    step = made.kind.delete
    if step is not None:
        yield step.action, members(made.kind.api, step.action, made.values(step.where))


def _elements(made: Made, listed: Each, old: Properties | None, new: Properties) -> Iterator[_Call]:
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
    return {**made.values(listed.where, scope), **({} if listed.shape is None else listed.shape(scope.element))}


def _tagging(made: Made, old: Properties, new: Properties) -> list[_Call]:
    tags = made.kind.tags
    if tags is None:
        return []
    before, after = _tag_map(old), _tag_map(new)
    gone = [key for key in before if key not in after]
    put = [{"Key": key, "Value": value} for key, value in after.items() if before.get(key) != value]
    has_keys = takes(made.kind.api, tags.remove, "TagKeys")
    keys = {"TagKeys": gone} if has_keys else {"Tags": [{"Key": key} for key in gone]}
    wanted = ((tags.remove, keys, gone), (tags.add, {"Tags": put}, put))
    return [
        (action, members(made.kind.api, action, {**made.values(tags.where), **given}))
        for action, given, is_needed in wanted
        if is_needed
    ]


def _tag_map(properties: Properties) -> dict[str, str]:
    return {str(each["Key"]): str(each["Value"]) for each in properties.get("Tags", ())}


def _says_gone(refusal: ApiError) -> bool:
    return any(word in refusal.code for word in _GONE)
