"""Service networks, and what is associated with them: VPCs, whose clients get in, and services, which are found there.

Source: https://docs.aws.amazon.com/vpc-lattice/latest/APIReference/
"""

from typing import Any

from infrastructure.embedded.apis.vpc_lattice.record import (
    Association,
    ServiceAssociation,
    ServiceNetwork,
    VpcAssociation,
    now,
)
from infrastructure.embedded.apis.vpc_lattice.store import (
    Store,
    conflict,
    invalid,
    listed,
    require_new_name,
    require_room,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation

_CREATING, _DELETING = "CREATE_IN_PROGRESS", "DELETE_IN_PROGRESS"


class Networks:
    """Answers about networks and associations. `ec2` has the VPCs and security groups."""

    def __init__(self, store: Store, ec2: Any) -> None:
        self._store = store
        self._ec2 = ec2

    # --- networks -----------------------------------------------------------------------------------------------------

    @operation("CreateServiceNetwork", effect="VPCs and services can be associated")
    def create_network(self, given: Members) -> Output:
        kept = self._store.networks
        require_new_name(kept.values(), given["name"], "SERVICE_NETWORK")
        require_room("service networks per region", len(kept) + 1)
        made = ServiceNetwork(
            **self._store.new("servicenetwork", "sn"),
            name=given["name"],
            tags=dict(given.get("tags") or {}),
            is_shared=(given.get("sharingConfig") or {}).get("enabled"),
        )
        kept[made.id] = made
        return self._told(made)

    @operation("GetServiceNetwork")
    def get_network(self, given: Members) -> Output:
        return self._told(self._store.network(given["serviceNetworkIdentifier"]))

    @operation("ListServiceNetworks")
    def list_networks(self, given: Members) -> Output:
        return listed([self._told(each) for each in self._store.networks.values()], given)

    @operation("UpdateServiceNetwork", record="no policy is evaluated: its authType stays NONE")
    def update_network(self, given: Members) -> Output:
        network = self._store.network(given["serviceNetworkIdentifier"])
        network.updated = now()
        return self._told(network)

    @operation("DeleteServiceNetwork", effect="it is gone")
    def delete_network(self, given: Members) -> None:
        network = self._store.network(given["serviceNetworkIdentifier"])
        if self._vpcs_of(network) or self._services_of(network):
            text = f"Service network {network.id} has associations: delete them first"
            raise conflict(network, "SERVICE_NETWORK", text)
        del self._store.networks[network.id]

    def _told(self, network: ServiceNetwork) -> dict[str, object]:
        return network.stamped(
            authType="NONE",
            sharingConfig=None if network.is_shared is None else {"enabled": network.is_shared},
            numberOfAssociatedVPCs=len(self._vpcs_of(network)),
            numberOfAssociatedServices=len(self._services_of(network)),
            numberOfAssociatedResourceConfigurations=0,
        )

    def _vpcs_of(self, network: ServiceNetwork) -> list[VpcAssociation]:
        return [each for each in self._store.vpc_associations.values() if each.network is network]

    def _services_of(self, network: ServiceNetwork) -> list[ServiceAssociation]:
        return [each for each in self._store.service_associations.values() if each.network is network]

    # --- VPCs ---------------------------------------------------------------------------------------------------------

    @operation("CreateServiceNetworkVpcAssociation", effect="clients in the VPC reach the network's services")
    def create_vpc_association(self, given: Members) -> Output:
        network, vpc = self._store.network(given["serviceNetworkIdentifier"]), given["vpcIdentifier"]
        if vpc not in self._ec2.vpcs:
            raise invalid("vpcIdentifier", f"VPC {vpc} does not exist")
        for each in self._store.vpc_associations.values():
            if each.vpc == vpc:
                text = f"VPC {vpc} is already associated with service network {each.network.id}"
                raise conflict(each, "SERVICE_NETWORK_VPC_ASSOCIATION", text)
        require_room("VPC associations per service network", len(self._vpcs_of(network)) + 1)
        made = VpcAssociation(
            **self._store.new("servicenetworkvpcassociation", "snva"),
            status=_CREATING,
            network=network,
            owner=self._store.account,
            vpc=vpc,
            groups=self._groups(given.get("securityGroupIds") or (), vpc),
            tags=dict(given.get("tags") or {}),
        )
        self._store.vpc_associations[made.id] = made
        return self._told_vpc(made)

    @operation("GetServiceNetworkVpcAssociation")
    def get_vpc_association(self, given: Members) -> Output:
        return self._told_vpc(self._store.vpc_association(given["serviceNetworkVpcAssociationIdentifier"]))

    @operation("ListServiceNetworkVpcAssociations")
    def list_vpc_associations(self, given: Members) -> Output:
        network = _one_of(given, "serviceNetworkIdentifier", "vpcIdentifier")
        wanted = self._store.network(network) if network else None
        found = [
            self._told_vpc(each)
            for each in self._store.vpc_associations.values()
            if wanted in (None, each.network) and given.get("vpcIdentifier") in (None, each.vpc)
        ]
        return listed(found, given)

    @operation("UpdateServiceNetworkVpcAssociation", effect="other security groups guard the VPC's way in")
    def update_vpc_association(self, given: Members) -> Output:
        found = self._store.vpc_association(given["serviceNetworkVpcAssociationIdentifier"])
        _require_steady(found, "SERVICE_NETWORK_VPC_ASSOCIATION")
        if given.get("securityGroupIds"):
            found.groups = self._groups(given["securityGroupIds"], found.vpc)
        found.updated = now()
        return self._told_vpc(found)

    @operation("DeleteServiceNetworkVpcAssociation", effect="clients in the VPC reach the network's services no more")
    def delete_vpc_association(self, given: Members) -> Output:
        found = self._store.vpc_association(given["serviceNetworkVpcAssociationIdentifier"])
        _require_steady(found, "SERVICE_NETWORK_VPC_ASSOCIATION")
        found.status = _DELETING
        return self._told_vpc(found)

    def _groups(self, asked: list[str] | tuple[str, ...], vpc: str) -> tuple[str, ...]:
        known = {name: group for groups in self._ec2.groups.values() for name, group in groups.items()}
        for name in asked:
            if name not in known or known[name].vpc_id != vpc:
                raise invalid("securityGroupIds", f"Security group {name} does not exist in VPC {vpc}")
        return tuple(asked)

    @staticmethod
    def _told_vpc(found: VpcAssociation) -> dict[str, object]:
        groups = list(found.groups)
        about = found.about_network()
        return found.stamped(**about, vpcId=found.vpc, securityGroupIds=groups, privateDnsEnabled=False)

    # --- services -----------------------------------------------------------------------------------------------------

    @operation("CreateServiceNetworkServiceAssociation", effect="the service is reached from the network's VPCs")
    def create_service_association(self, given: Members) -> Output:
        network = self._store.network(given["serviceNetworkIdentifier"])
        service = self._store.service(given["serviceIdentifier"])
        for each in self._services_of(network):
            if each.service is service:
                text = f"Service {service.id} is already associated with service network {network.id}"
                raise conflict(each, "SERVICE_NETWORK_SERVICE_ASSOCIATION", text)
        if not service.is_there:
            raise conflict(service, "SERVICE", f"Service {service.id} is being deleted")
        require_room("service associations per service network", len(self._services_of(network)) + 1)
        made = ServiceAssociation(
            **self._store.new("servicenetworkserviceassociation", "snsa"),
            status=_CREATING,
            network=network,
            owner=self._store.account,
            service=service,
            tags=dict(given.get("tags") or {}),
        )
        self._store.service_associations[made.id] = made
        return self._told_service(made)

    @operation("GetServiceNetworkServiceAssociation")
    def get_service_association(self, given: Members) -> Output:
        return self._told_service(self._store.service_association(given["serviceNetworkServiceAssociationIdentifier"]))

    @operation("ListServiceNetworkServiceAssociations")
    def list_service_associations(self, given: Members) -> Output:
        network = _one_of(given, "serviceNetworkIdentifier", "serviceIdentifier")
        wanted = self._store.network(network) if network else None
        service = self._store.service(given["serviceIdentifier"]) if given.get("serviceIdentifier") else None
        found = [
            self._told_service(each)
            for each in self._store.service_associations.values()
            if wanted in (None, each.network) and service in (None, each.service)
        ]
        return listed(found, given)

    @operation("DeleteServiceNetworkServiceAssociation", effect="the service is reached from the network no more")
    def delete_service_association(self, given: Members) -> Output:
        found = self._store.service_association(given["serviceNetworkServiceAssociationIdentifier"])
        _require_steady(found, "SERVICE_NETWORK_SERVICE_ASSOCIATION")
        found.status = _DELETING
        return self._told_service(found)

    @staticmethod
    def _told_service(found: ServiceAssociation) -> dict[str, object]:
        service = found.service
        return found.stamped(
            **found.about_network(),
            serviceId=service.id,
            serviceName=service.name,
            serviceArn=service.arn,
            dnsEntry=dns_entry(service.address),
        )


def dns_entry(address: str) -> dict[str, str]:
    """Where a service is found."""
    return {"domainName": address}


def _one_of(given: Members, network: str, other: str) -> str | None:
    """The network that is asked for, if one is; `Refused` when neither is given."""
    if not given.get(network) and not given.get(other):
        raise invalid(network, f"Either {network} or {other} must be specified")
    found: str | None = given.get(network)
    return found


def _require_steady(found: Association, kind: str) -> None:
    if found.status != "ACTIVE":
        raise conflict(found, kind, f"Association {found.id} is {found.status}")
