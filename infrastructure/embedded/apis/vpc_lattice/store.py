"""Where the records are, by id; what is not there, what is taken and what is too much is said in AWS's words."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypedDict, TypeVar

from infrastructure.embedded.apis.vpc_lattice.record import (
    LatticeListener,
    LatticeRule,
    LatticeService,
    LatticeTargetGroup,
    Resource,
    ServiceAssociation,
    ServiceNetwork,
    VpcAssociation,
    last,
    new_id,
)
from infrastructure.embedded.gateway.operations import Members, Output
from infrastructure.embedded.gateway.paging import page
from infrastructure.embedded.gateway.refused import Refused

ResourceT = TypeVar("ResourceT", bound=Resource)
MOST_A_PAGE = 100


class Names(TypedDict):
    """What tells a resource from all others."""

    id: str
    arn: str


class Store:
    """All records of an account in a region. A record that is being deleted is found until it is gone."""

    def __init__(self, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.networks: dict[str, ServiceNetwork] = {}
        self.vpc_associations: dict[str, VpcAssociation] = {}
        self.service_associations: dict[str, ServiceAssociation] = {}
        self.services: dict[str, LatticeService] = {}
        self.groups: dict[str, LatticeTargetGroup] = {}

    def new(self, kind: str, prefix: str) -> Names:
        """Id and ARN of a new resource, whose ARN has `kind` before the id."""
        made = new_id(prefix)
        return {"id": made, "arn": f"arn:aws:vpc-lattice:{self.region}:{self.account}:{kind}/{made}"}

    def everything(self) -> Iterator[Resource]:
        for kept in (self.networks, self.vpc_associations, self.service_associations, self.services, self.groups):
            yield from kept.values()
        for service in self.services.values():
            for listener in service.listeners.values():
                yield from (listener, *listener.rules.values())

    def pass_on(self) -> None:
        """What was being made is there from now on, what was being deleted is gone."""
        for kept in (self.vpc_associations, self.service_associations, self.services, self.groups):
            resources: dict[str, Resource] = kept  # type: ignore[assignment]  # of whichever kind
            for identity, each in list(resources.items()):
                if not each.is_there:
                    del resources[identity]
                each.status = "ACTIVE"

    # --- one of them, by id or ARN ------------------------------------------------------------------------------------

    def network(self, identifier: str) -> ServiceNetwork:
        return _found(self.networks, identifier, "SERVICE_NETWORK")

    def vpc_association(self, identifier: str) -> VpcAssociation:
        return _found(self.vpc_associations, identifier, "SERVICE_NETWORK_VPC_ASSOCIATION")

    def service_association(self, identifier: str) -> ServiceAssociation:
        return _found(self.service_associations, identifier, "SERVICE_NETWORK_SERVICE_ASSOCIATION")

    def service(self, identifier: str) -> LatticeService:
        return _found(self.services, identifier, "SERVICE")

    def group(self, identifier: str) -> LatticeTargetGroup:
        return _found(self.groups, identifier, "TARGET_GROUP")

    def listener(self, given: Members) -> tuple[LatticeService, LatticeListener]:
        service = self.service(given["serviceIdentifier"])
        return service, _found(service.listeners, given["listenerIdentifier"], "LISTENER")

    def rule(self, listener: LatticeListener, identifier: str) -> LatticeRule:
        rules = {**listener.rules, listener.default.id: listener.default}
        return _found(rules, identifier, "RULE")

    def resource(self, arn: str) -> Resource:
        """Whatever has this ARN."""
        found = next((each for each in self.everything() if each.arn == arn), None)
        if found is None:
            raise _unknown(arn, "RESOURCE")
        return found


def _found(kept: Mapping[str, ResourceT], identifier: str, kind: str) -> ResourceT:
    found = kept.get(last(identifier))
    if found is None or (identifier.startswith("arn:") and found.arn != identifier):
        raise _unknown(identifier, kind)
    return found


def _unknown(identifier: str, kind: str) -> Refused:
    name = last(identifier)
    text = f"{kind.replace('_', ' ').capitalize()} {name} not found"
    return Refused("ResourceNotFoundException", text, status=404, resourceId=name, resourceType=kind)


def conflict(resource: Resource, kind: str, text: str) -> Refused:
    """What stands in the way of the call."""
    return Refused("ConflictException", text, status=409, resourceId=resource.id, resourceType=kind)


def invalid(field: str, text: str) -> Refused:
    """A member that does not do, though its type does."""
    problem = [{"name": field, "message": text}]
    return Refused("ValidationException", text, reason="fieldValidationFailed", fieldList=problem)


QUOTAS: Mapping[str, tuple[int, str, str]] = {
    "listeners per service": (2, "L-D64E952E", "LISTENER"),
    "rules per listener": (10, "L-CF78395E", "RULE"),
    "service associations per service network": (500, "L-75D4A19E", "SERVICE_NETWORK_SERVICE_ASSOCIATION"),
    "service networks per region": (50, "L-9CAD07FB", "SERVICE_NETWORK"),
    "services per region": (2000, "L-620C821E", "SERVICE"),
    "target groups per region": (500, "L-BB11C6B9", "TARGET_GROUP"),
    "target groups per service": (10, "L-3DEC3B9F", "TARGET_GROUP"),
    "targets per target group": (1000, "L-D71303F3", "TARGET"),
    "VPC associations per service network": (500, "L-EF6E2D62", "SERVICE_NETWORK_VPC_ASSOCIATION"),
}
"""The default of each, its code in Service Quotas, and what it is about.

Source: https://docs.aws.amazon.com/general/latest/gr/vpc-lattice-service.html
"""


def require_room(quota: str, wanted: int) -> None:
    """`Refused` when there would be more than the quota allows."""
    most, code, kind = QUOTAS[quota]
    if wanted > most:
        text = f"The limit of {most} {quota} is reached"
        more = {"resourceType": kind, "serviceCode": "vpc-lattice", "quotaCode": code}
        raise Refused("ServiceQuotaExceededException", text, status=402, **more)


def require_new_name(kept: Collection[Resource], name: str, kind: str) -> None:
    """`Refused` when one of them is called so."""
    for each in kept:
        if each.name == name:
            raise conflict(each, kind, f"{kind.replace('_', ' ').capitalize()} with name {name} already exists")


def listed(items: Sequence[object], given: Members) -> Output:
    """A page of `items`, as the call asks for it."""
    try:
        found, token = page(items, given.get("nextToken"), int(given.get("maxResults", MOST_A_PAGE)))
    except ValueError as problem:
        raise invalid("nextToken", f"The next token is not valid: {problem}") from problem
    return {"items": list(found), **({"nextToken": token} if token else {})}
