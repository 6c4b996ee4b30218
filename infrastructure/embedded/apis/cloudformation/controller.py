"""CloudFormation: binds its calls. Stacks move on by themselves: nothing is left for a controller to do."""

from typing import TYPE_CHECKING, Any, ClassVar

from infrastructure.embedded.apis.cloudformation.api import StackCalls
from infrastructure.embedded.apis.cloudformation.change_sets import ChangeSets
from infrastructure.embedded.apis.cloudformation.record import Stacks

if TYPE_CHECKING:
    from infrastructure.embedded.control.context import Context
    from infrastructure.embedded.gateway.operations import Operations


class CloudFormationController:
    """Keeps no process."""

    name: ClassVar[str] = "cloudformation"
    watches: ClassVar[frozenset[str]] = frozenset()
    PARTS: ClassVar[tuple[type, ...]] = (StackCalls, ChangeSets)

    def __init__(self, context: "Context") -> None:
        bind(context.backends.cloudformation, context.backends.operations)

    async def reconcile(self, _key: str, /) -> None:
        """Nothing to do."""


def bind(backend: Any, operations: "Operations") -> None:
    """Answer CloudFormation's calls with the stacks of one moto back end."""
    stacks = Stacks(backend)
    change_sets = ChangeSets(backend, stacks)
    operations.bind(CloudFormationController.name, StackCalls(backend, stacks, change_sets), change_sets)
