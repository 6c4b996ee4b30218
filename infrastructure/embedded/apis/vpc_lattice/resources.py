"""AWS::VpcLattice: ServiceNetwork and its associations, Service, Listener, Rule, TargetGroup. Ref is the ARN."""

from typing import Any

from infrastructure.embedded.stacks.resource_type import ITEM, REF, Each, Members, Properties, ResourceType, Step, Tags

_SERVICE_AND_NETWORK = {
    "ServiceArn": "serviceArn",
    "ServiceId": "serviceId",
    "ServiceName": "serviceName",
    "ServiceNetworkArn": "serviceNetworkArn",
    "ServiceNetworkId": "serviceNetworkId",
    "ServiceNetworkName": "serviceNetworkName",
}
_NETWORK = {name: path for name, path in _SERVICE_AND_NETWORK.items() if "Network" in name}
_DNS = {"DnsEntry.DomainName": "dnsEntry.domainName"}
_ACTIVE = {"status": "ACTIVE"}


def _service_of(ref: str) -> str:
    return ref.partition("/listener/")[0]


def _listener_of(ref: str) -> str:
    return ref.partition("/rule/")[0]


def _health_check(given: Properties) -> Members:
    """All of a target group's configuration that can change."""
    return {"healthCheck": given["Config"]["HealthCheck"]}


def _has_health_check(given: Properties, _before: Properties) -> bool:
    return bool(given["Config"].get("HealthCheck"))


def _type(noun: str, **more: Any) -> ResourceType:
    """What all have in common: an ARN, which is Ref, and calls that are called after them."""
    member = f"{noun[0].lower()}{noun[1:]}Identifier"
    return ResourceType(
        f"AWS::VpcLattice::{noun}",
        "vpc-lattice",
        key=more.pop("key", {member: REF}),
        create=Step(f"Create{noun}"),
        ref="arn",
        describe=Step(f"Get{noun}"),
        attributes={
            "Arn": REF,
            "Id": "id",
            **({"CreatedAt": "createdAt"} if noun not in ("Listener", "Rule") else {}),
            **more.pop("attributes", {}),
        },
        tags=Tags("TagResource", "UntagResource", {"resourceArn": REF}),
        delete=Step(f"Delete{noun}"),
        **more,
    )


TYPES = (
    _type(
        "ServiceNetwork",
        name="Name",
        is_lower_case=True,
        attributes={"LastUpdatedAt": "lastUpdatedAt"},
        changes=(Step("UpdateServiceNetwork"),),
    ),
    _type(
        "ServiceNetworkVpcAssociation",
        attributes={**_NETWORK, "Status": "status", "VpcId": "vpcId"},
        rest=_ACTIVE,
        changes=(Step("UpdateServiceNetworkVpcAssociation"),),
    ),
    _type(
        "ServiceNetworkServiceAssociation",
        attributes={**_SERVICE_AND_NETWORK, **_DNS, "Status": "status"},
        rest=_ACTIVE,
    ),
    _type(
        "Service",
        name="Name",
        is_lower_case=True,
        attributes={**_DNS, "LastUpdatedAt": "lastUpdatedAt", "Status": "status"},
        rest=_ACTIVE,
        changes=(Step("UpdateService"),),
    ),
    _type(
        "Listener",
        name="Name",
        is_lower_case=True,
        key={"serviceIdentifier": _service_of, "listenerIdentifier": REF},
        attributes={"ServiceArn": "serviceArn", "ServiceId": "serviceId"},
        changes=(Step("UpdateListener"),),
    ),
    _type(
        "Rule",
        name="Name",
        is_lower_case=True,
        key={"serviceIdentifier": _service_of, "listenerIdentifier": _listener_of, "ruleIdentifier": REF},
        changes=(Step("UpdateRule"),),
    ),
    _type(
        "TargetGroup",
        name="Name",
        is_lower_case=True,
        attributes={"LastUpdatedAt": "lastUpdatedAt", "Status": "status"},
        rest=_ACTIVE,
        changes=(Step("UpdateTargetGroup", ("Config",), shape=_health_check, when=_has_health_check),),
        elements=(Each("Targets", "RegisterTargets", "DeregisterTargets", {"targets": ITEM}, is_removed_first=True),),
    ),
)
