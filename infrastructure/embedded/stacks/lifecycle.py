"""Makes, changes and deletes one resource as its type says, by the calls that `plan` finds.

    create ─▶ complete (settings, elements, tags)          update: in place, or another one ─▶ the former is deleted
                                                                                               by the engine, later
Some resources take no further call until they have come to rest: what makes and changes them yields until they have.
What can be known is known before the first call: an unchangeable property, a member that the API does not have.
"""

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, replace

from infrastructure.embedded.stacks import plan
from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import ApiError, Refused, Unchangeable
from infrastructure.embedded.stacks.made import Made, at
from infrastructure.embedded.stacks.plan import PlannedCall
from infrastructure.embedded.stacks.resource_type import Properties, ResourceType

_GONE = ("NotFound", "DoesNotExist", "NonExistent", "NoSuch", "NotAttached")
"""What the APIs' error codes have in common that say that there is nothing to delete."""

LONGEST_S = 120.0
"""How long a change, or a deletion, may go on before it has failed."""


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
    if kind.create is not None:
        given = _prepared(made, made.given(), frozenset(properties))
        action, sent = plan.creation(made, kind.create, given)
        output = place.call(kind.api, action, **sent)
        found = at(output, kind.ref) if isinstance(kind.ref, str) else kind.ref(output, given)
        made.physical_resource_id = str(found) if kind.ref else name
    return made


def complete(made: Made) -> Iterator[None]:
    """Finish a resource that was just made; when this fails it is to be deleted again."""
    yield from _rested(made)
    yield from _make(made, plan.completion(made, made.given()))


def updated(made: Made, name: str, properties: Properties) -> Generator[None, None, Made]:
    """Makes it the resource with `properties`: this one, or another under `name` that is to take its place."""
    if is_replaced(made, properties):
        same = properties.get(made.kind.name, made.name)
        other = yield from _replacement(made, same if made.kind.is_versioned else name, properties)
        return other
    after = replace(made, properties=properties, _described=None)
    old, new = made.given(), after.given()
    changed = frozenset(plan.changes(old, new))
    if changed:
        yield from _make(after, plan.change(after, old, _prepared(after, new, changed)))
    return after


def is_replaced(made: Made, properties: Properties) -> bool:
    """Whether a change to `properties` makes another resource; `Unchangeable` when it cannot be made at all."""
    kind, before = made.kind, made.properties
    changed = plan.changes(before, properties)
    fixed = [name for name in changed if name not in plan.changeable(kind)]
    if kind.is_versioned:
        return bool(fixed)
    if not any(plan.makes_another(kind, name, before.get(name), properties.get(name)) for name in changed):
        if not fixed:
            return False
        listed = f"{kind.type}: {', '.join(fixed)}"
        raise Unchangeable(f"{listed} cannot be changed in the embedded cloud; delete and create the stack")
    if kind.name in properties and properties[kind.name] == made.properties.get(kind.name):
        raise Unchangeable(
            "CloudFormation cannot update a stack when a custom-named resource requires replacing. "
            f"Rename {properties[kind.name]} and update the stack again."
        )
    return True


def rested(made: Made) -> Iterator[None]:
    """Yields until a resource can be deleted whose creation was not waited for; one that is gone has come to rest."""
    try:
        yield from _rested(made)
    except ApiError as refusal:
        if not _says_gone(refusal):
            raise


def delete(made: Made) -> None:
    """Delete the resource; one that somebody deleted past the stack is no obstacle, as on AWS."""
    for action, given in _planned_deletion(made):
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


def _planned_deletion(made: Made) -> list[PlannedCall]:
    """None of a resource that is not described any more, when what deletes it must be read from there."""
    try:
        return plan.deletion(made)
    except ApiError as refusal:
        if not _says_gone(refusal):
            raise
        return []


def _make(made: Made, calls: Iterable[PlannedCall]) -> Iterator[None]:
    for action, given in calls:
        made.call(made.kind.api, action, **given)
        yield from _rested(made)


def _rested(made: Made) -> Iterator[None]:
    """Yields until the resource can be changed again."""
    ends = time.monotonic() + LONGEST_S
    rest = made.kind.rest
    while rest and any(at(made.describe(), path) != state for path, state in rest.items()):
        if time.monotonic() > ends:
            raise Refused(f"it has not come to rest ({rest}) after {LONGEST_S:.0f} s")
        yield


def _replacement(made: Made, name: str, properties: Properties) -> Generator[None, None, Made]:
    other = create(Place(logical_id=made.logical_id, call=made.call, region=made.region), made.kind, name, properties)
    try:
        yield from complete(other)
    except Exception:
        delete(other)
        raise
    return other


def _prepared(made: Made, properties: Properties, changed: frozenset[str]) -> Properties:
    prepare = made.kind.prepare
    return properties if prepare is None else prepare(made.call, properties, changed)


def _says_gone(refusal: ApiError) -> bool:
    return any(word in refusal.code for word in _GONE)
