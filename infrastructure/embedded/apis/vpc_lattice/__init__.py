"""VPC Lattice: services that are reached from every VPC of their service network, as listeners of Envoy."""

from infrastructure.embedded.gateway.api import Api, Token, names

API = Api(
    name="vpc-lattice",
    protocol="rest-json",
    kinder={
        "CreateServiceNetworkVpcAssociation": "active in a moment; up to a minute on AWS",
        "CreateServiceNetworkServiceAssociation": "active in a moment; up to a minute on AWS",
        "UpdateRule": "everywhere at once; seconds apart on AWS",
    },
    tokens={
        name: Token(
            member="clientToken",
            mismatch="ConflictException",
            message="The client token was already used with other parameters.",
        )
        for name in names(
            "CreateListener CreateRule CreateService CreateServiceNetwork CreateServiceNetworkServiceAssociation "
            "CreateServiceNetworkVpcAssociation CreateTargetGroup"
        )
    },
    note="A service's domain name is an address of loopback that is its own; services of the catalogue reach it over "
    "their edge `lattice-<name>`. Refused: authorization by IAM and auth policies, HTTPS and TLS listeners, functions "
    "as targets, custom domain names, access logs, resource configurations. Targets are not told who calls "
    "(`x-amzn-lattice-*`), and connections live longer than ten minutes.",
    rules="infrastructure.embedded.apis.vpc_lattice.rules",
    resources="infrastructure.embedded.apis.vpc_lattice.resources",
    controller="infrastructure.embedded.apis.vpc_lattice.controller:VpcLatticeController",
)
