"""What a CloudFormation resource type is, as data: which AWS calls create, change, describe and delete it.

`lifecycle` carries all of them out, and AWS's own schema of the type (`schemas`) says what its properties are and which
of them make another resource when they change. So a type says only which call takes what:

    ResourceType(
        "AWS::MemoryDB::SubnetGroup",
        "memorydb",                                # signing name of the API
        name="SubnetGroupName",                    # the property that names it; Ref gives the name unless `ref` says
        key={"SubnetGroupName": REF},              # what tells the API which one: goes with every call but the first
        create=Step("CreateSubnetGroup"),          # takes all properties, under their own names
        describe=Step("DescribeSubnetGroups"),
        item="SubnetGroups",                       # where in that output; when it is not there, the resource is gone
        attributes={"ARN": "ARN"},                 # GetAtt, as paths below the item
        changes=(Step("UpdateSubnetGroup"),),      # takes those that changed, of all that the schema lets change
        delete=Step("DeleteSubnetGroup"),
        tags=Tags("TagResource", "UntagResource", {"ResourceArn": found("ARN")}),
    )

Adding one is such an entry in `TYPES` of `apis/<api>/resources.py`, which `API.resources` of the folder's `__init__`
names, and a line in `tests/tagged.py`, by which its tags are tested; its properties are tested against the schema, and
its calls against what the API allows, by themselves. What differs between API and template is one more field:

- A property goes in under its own name, whatever the case of its letters; `rename` gives another name, `Step.shape`
  other members, `normal` other properties.
- What a call needs beyond is in `where`: constants and the sources below.
- A property that the call that creates does not take has a change with `is_setting`. A list whose elements have calls
  of their own is one of `elements`. What must be found out or made up first is `prepare`.
- A property that neither `changes`, `elements` nor `tags` takes cannot change, unless AWS's schema says that a change
  of it makes another resource. `is_put`: creating it once more changes it. `is_versioned`: every change makes another.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from infrastructure.embedded.stacks.calls import CallApi

Properties = Mapping[str, Any]
"""Properties of a resource in a template, all functions resolved."""
Members = Mapping[str, Any]
"""Members of a call's input: constants, sources, functions of Ref, and mappings and lists of all these."""


@dataclass(frozen=True, slots=True)
class Source:
    """A value that is known when the call is made. `path` is dotted; on its way it takes the first of a list."""

    of: Literal["ref", "property", "former", "attribute", "described", "element", "constraint"]
    path: str = ""


REF = Source("ref")
"""What Ref gives."""
ITEM = Source("element")
"""The element of a list that `Each` is about."""
CONSTRAINT = Source("constraint")
"""The region as S3 takes it: none for us-east-1."""


def prop(path: str) -> Source:
    """A property; it is not given under its own name as well."""
    return Source("property", path)


def former(path: str) -> Source:
    """A property as it was before the change."""
    return Source("former", path)


def att(name: str) -> Source:
    """An attribute, as GetAtt gives it."""
    return Source("attribute", name)


def found(path: str) -> Source:
    """What the API describes, below the type's `item`."""
    return Source("described", path)


def item(path: str) -> Source:
    """A part of the element that `Each` is about."""
    return Source("element", path)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One call. As a change it is made when one of `on` has changed, with those that have.

    `on` left out stands for all properties that AWS's schema lets change, the call takes and no other one has; `where`
    is what the call needs beside the type's `key`.
    """

    action: str
    on: tuple[str, ...] = ()
    where: Members = field(default_factory=dict)
    whole: bool = field(default=False, kw_only=True)
    """Whether it takes all of `on`, not only what has changed."""
    is_setting: bool = field(default=False, kw_only=True)
    """Whether it is made after the creation too, since the call that creates does not take these properties."""
    defaults: Members = field(default_factory=dict, kw_only=True)
    """What a property goes back to that a template no longer has; without one it is left as it was, as on AWS."""
    when: Callable[[Properties, Properties], bool] | None = field(default=None, kw_only=True)
    """Whether it is this call at all; given the properties it would take, and those before the change."""
    without: "Step | None" = field(default=None, kw_only=True)
    """The call when none of `on` is left."""
    shape: Callable[[Properties], Members] | None = field(default=None, kw_only=True)
    """Makes members of the properties that are given, where a name does not do."""


@dataclass(frozen=True, slots=True, eq=False)
class Each:
    """A property that is a list, each element of which is put and taken away by a call of its own."""

    on: str
    add: str
    remove: str
    where: Members
    """The members of both calls beside the type's `key`; `adds` are those of `add` alone."""
    adds: Members = field(default_factory=dict, kw_only=True)
    shape: Callable[[Any], Members] | None = field(default=None, kw_only=True)
    """Further members of both calls, made of the element."""
    again: tuple[str, ...] = field(default=(), kw_only=True)
    """Other properties of which a change puts every element again."""
    initially: tuple[Any, ...] = field(default=(), kw_only=True)
    """The elements that a new resource has by itself, and one whose template lists none."""
    is_removed_first: bool = field(default=False, kw_only=True)
    """Whether the elements are taken away before the resource, which could not be deleted with them."""


@dataclass(frozen=True, slots=True)
class Tags:
    """How tags are set and removed; `where` says of what. Creation takes them along when its call has `Tags`."""

    add: str
    remove: str
    where: Members


@dataclass(frozen=True, slots=True, eq=False)
class ResourceType:
    """One type. Only `type` and `api` must be given; see the module's text."""

    type: str
    api: str
    name: str = field(default="", kw_only=True)
    """The property that names it; a template that leaves it out gets a generated name."""
    is_lower_case: bool = field(default=False, kw_only=True)
    """Whether the API knows the name in small letters."""
    key: Members = field(default_factory=dict, kw_only=True)
    """What tells its API which one is meant: part of every call but the one that creates, where the call has such a
    member, or one of that name in the plural."""
    create: Step | None = field(default=None, kw_only=True)
    """None when its elements are all there is to it."""
    ref: str | Callable[[Mapping[str, Any], Properties], str] = field(default="", kw_only=True)
    """Where creation's output has what Ref gives, or how output and properties make it; empty: the name."""
    describe: Step | None = field(default=None, kw_only=True)
    item: str = field(default="", kw_only=True)
    under_way: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Paths below the item, and what they are while the resource is being made: a stack waits until that is over."""
    gone: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Paths below the item, and what they are when the resource is only remembered."""
    is_still_there: "Callable[[CallApi, str, Properties], bool] | None" = field(default=None, kw_only=True)
    """What else must be over before it is gone; given Ref and properties."""
    attributes: Mapping[str, str | Source | Callable[[str], str]] = field(default_factory=dict, kw_only=True)
    """What GetAtt gives: a path below the item, a source, a text with `{ref}` and `{region}`, or a part of Ref."""
    changes: tuple[Step, ...] = field(default=(), kw_only=True)
    elements: tuple[Each, ...] = field(default=(), kw_only=True)
    tags: Tags | None = field(default=None, kw_only=True)
    delete: Step | None = field(default=None, kw_only=True)
    rename: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    """Properties that the API's calls know by another name."""
    is_put: bool = field(default=False, kw_only=True)
    """Whether creating it once more changes it."""
    is_versioned: bool = field(default=False, kw_only=True)
    """Whether every change makes another one under the same name."""
    normal: Callable[[Properties], Properties] | None = field(default=None, kw_only=True)
    """Properties as the calls take them. Pure; what differs before and after it has changed."""
    prepare: "Callable[[CallApi, Properties, frozenset[str]], Properties] | None" = field(default=None, kw_only=True)
    """Properties with what further calls find out or refuse; given those and the names of the changed ones."""

    def has_cfn_attr(self, attribute: str) -> bool:
        """Whether GetAtt knows the attribute; moto asks before it makes anything."""
        return attribute in self.attributes
