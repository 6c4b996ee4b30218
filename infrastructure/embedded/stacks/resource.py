"""What the added resource types share: they make their resources by calling the APIs, as CloudFormation itself does.

A type is a class with `TYPE`, `create`, `update` and `delete`; moto finds it among the direct subclasses of its
CloudFormationModel, so each also names that as its base. GetAtt answers what `ATTRIBUTES` lists.
"""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.gateway import operations
from infrastructure.embedded.moto import imports

Properties = Mapping[str, Any]
"""Properties of a resource in a template, all functions resolved."""

_NAMES = {api.moto: api.name for api in PROVIDERS}


class Refused(Exception):
    """A resource cannot be made, changed or deleted as the template says; the text is for the stack's events."""


class Unchangeable(Refused):
    """A property that cannot change was to be changed. An update finds that first: there is nothing to put back."""


class Api:
    """Calls moto's handlers for one account and region, with parameters as an SDK takes them and no wire between."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region

    def __call__(self, package: str, action: str, /, **parameters: object) -> Any:
        """The result of `action`, as moto's handler gives it: a mapping, whose leaves may be moto's records."""
        return operations.current().call(_NAMES[package], action, **parameters)

    def backend(self, package: str) -> Any:
        """The records of `moto.<package>`."""
        region = "aws" if package in ("iam", "s3") else self.region  # these are one for the partition
        return imports.backend(package, account=self.account, region=region)


class Resource:
    """One resource of a stack. `physical_resource_id` is what Ref gives."""

    TYPE: ClassVar[str]
    NAME: ClassVar[str] = ""
    """The property that names it; moto generates a name when the template leaves it out."""
    IS_REPLACED: ClassVar[bool] = False
    """Whether an update makes another one. This one is deleted once the whole stack's update is through, and is what
    a rollback goes back to, since others refer to it by what Ref gives."""
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset()

    cf_resource_type: str
    logical_resource_id: str

    def __init__(self, identifier: str, properties: Properties, attributes: Mapping[str, object] | None = None) -> None:
        self.physical_resource_id = identifier
        self.properties = properties
        self.attributes = dict(attributes or {})

    @property
    def type(self) -> str:
        return self.TYPE

    def __init_subclass__(cls) -> None:
        """Refuse a type that leaves one of ours abstract. Not by ABCMeta: moto has a metaclass of its own."""
        super().__init_subclass__()
        missing = [name for name in vars(Resource) if getattr(getattr(cls, name), "__isabstractmethod__", False)]
        if missing:
            raise TypeError(f"{cls.__name__} ({cls.TYPE}) lacks {', '.join(missing)}")

    @classmethod
    @abstractmethod
    def create(cls, api: Api, name: str, properties: Properties) -> Self:
        """Make the resource; moto's own exceptions, or `Refused`, say why not."""

    def complete(self, api: Api) -> None:
        """Finish a resource that was just made; when this fails it is deleted again."""

    def update(self, api: Api, properties: Properties) -> "Resource":
        """Make the resource as `properties` say; what is returned takes its place."""
        raise unchangeable(self.TYPE, changes(self.properties, properties))

    @abstractmethod
    def delete(self, api: Api) -> None:
        """Take the resource away; one that is gone is fine."""

    def is_gone(self, api: Api) -> bool:
        """Whether a deletion has come to its end; asked until it has."""
        del api
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        if attribute_name not in self.ATTRIBUTES:
            raise Refused(f"{self.TYPE} has no attribute {attribute_name}; it has {', '.join(sorted(self.ATTRIBUTES))}")
        return self.attributes[attribute_name]

    def is_created(self) -> bool:
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.ATTRIBUTES

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.NAME

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Mapping[str, Any], account_id: str, region_name: str, **_: object
    ) -> Self:
        return cls.create(Api(account_id, region_name), resource_name, cloudformation_json.get("Properties", {}))


def changes(before: Properties, after: Properties) -> tuple[str, ...]:
    """Names of the properties that differ."""
    return tuple(sorted(name for name in {*before, *after} if before.get(name) != after.get(name)))


def require_only(resource: Resource, after: Properties, allowed: Iterable[str]) -> tuple[str, ...]:
    """The changed properties; `Refused` when one of them is not among the `allowed`."""
    changed = changes(resource.properties, after)
    fixed = [name for name in changed if name not in set(allowed)]
    if fixed:
        raise unchangeable(resource.TYPE, fixed)
    return changed


def unchangeable(kind: str, names: Iterable[str]) -> Unchangeable:
    """What to raise when properties of an existing resource are to change that cannot."""
    listed = ", ".join(names)
    return Unchangeable(f"{kind}: {listed} cannot be changed in the embedded cloud; delete and create the stack")
