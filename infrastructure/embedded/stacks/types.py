"""The resource types a template may use: those of each API, which are data. Importing it imports all of them."""

import pkgutil
from collections.abc import Mapping

from infrastructure.embedded.apis import PROVIDERS
from infrastructure.embedded.stacks.resource_type import ResourceType

TYPES: tuple[ResourceType, ...] = tuple(
    each for api in PROVIDERS if api.resources for each in pkgutil.resolve_name(api.resources).TYPES
)
BY_NAME: Mapping[str, ResourceType] = {each.type: each for each in TYPES}
if len(BY_NAME) != len(TYPES):
    raise RuntimeError("two resource types have the same name")
