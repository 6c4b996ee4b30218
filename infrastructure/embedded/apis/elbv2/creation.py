"""Creating again what is there already: with the same settings it is answered with what is there, else refused.

Source: Elastic Load Balancing API Reference, CreateLoadBalancer, CreateTargetGroup, CreateListener: "This operation is
idempotent […] each call succeeds" as long as the settings are the same.
"""

from collections.abc import Iterable
from typing import Any

from infrastructure.embedded.gateway.operations import Members, Operations, Output, operation
from infrastructure.embedded.gateway.refused import Refused

Record = Any  # moto's load balancers, target groups and listeners publish no types
_SETTINGS = "settings_of_creation"


class Creation:
    """The calls on one moto back end that name what they make."""

    def __init__(self, backend: Any, operations: Operations) -> None:
        self._backend = backend
        self._operations = operations

    @operation("CreateLoadBalancer", effect="its listeners listen")
    def _create_load_balancer(self, given: Members) -> Output:
        found = _named(self._backend.load_balancers.values(), given["Name"])
        return self._made("LoadBalancer", found, given, f"A load balancer with the same name '{given['Name']}' exists")

    @operation("CreateTargetGroup", effect="its targets are checked once a listener sends to it")
    def _create_target_group(self, given: Members) -> Output:
        found = _named(self._backend.target_groups.values(), given["Name"])
        return self._made("TargetGroup", found, given, f"A target group with the same name '{given['Name']}' exists")

    def _made(self, noun: str, found: Record | None, given: Members, what: str) -> Output:
        if found is None:
            output = self._operations.moto("elasticloadbalancing", f"Create{noun}", given)
            remember(output[f"{noun}s"][0], given)
            return output
        if not is_as_created(found, given):
            raise Refused(f"Duplicate{noun}Name", f"{what}, but with different settings")
        return {f"{noun}s": [found]}


def remember(record: Record, given: Members) -> None:
    """`record` was created with `given`."""
    setattr(record, _SETTINGS, dict(given))


def is_as_created(record: Record, given: Members) -> bool:
    """Whether `given` is what `record` was created with."""
    return getattr(record, _SETTINGS, None) == dict(given)


def _named(records: Iterable[Record], name: str) -> Record | None:
    return next((each for each in records if each.name == name), None)
