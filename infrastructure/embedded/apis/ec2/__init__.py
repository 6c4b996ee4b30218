"""EC2: instances are machines that run their user data; networks and security groups are on record."""

from infrastructure.embedded.gateway.api import Api, Token, names

_PERMITTED = "services reach the data stores that the rules permit"
_FORBIDDEN = "connecting from a service to a data store times out; open connections live on"

API = Api(
    name="ec2",
    moto="ec2",
    handler="EC2Response",
    protocol="ec2",
    missing="MissingParameter",
    absent={
        "CreateLaunchTemplateVersion": "MissingParameter",
        "CreateSubnet": "MissingParameter",
        "DeleteManagedPrefixList": "InvalidPrefixListID.NotFound",
        "DeleteNatGateway": "NatGatewayNotFound",
        "DeleteNetworkAclEntry": "InvalidNetworkAclEntry.NotFound",
        "DeleteSecurityGroup": "InvalidGroup.NotFound",
        "DescribeImageAttribute": "InvalidAMIID.NotFound",
        "ModifyManagedPrefixList": "InvalidPrefixListID.NotFound",
        "ReplaceNetworkAclAssociation": "InvalidAssociationID.NotFound",
        "ReplaceNetworkAclEntry": "InvalidNetworkAclEntry.NotFound",
    },
    records={
        "all processes share the loopback interface: networks, their gateways and addresses are records": (
            "AllocateAddress AssociateAddress AssociateDhcpOptions AssociateRouteTable AssociateSubnetCidrBlock "
            "AssociateVpcCidrBlock AttachInternetGateway AttachNetworkInterface CreateDefaultSubnet "
            "CreateDefaultVpc CreateDhcpOptions CreateEgressOnlyInternetGateway CreateFlowLogs "
            "CreateInternetGateway CreateManagedPrefixList CreateNatGateway CreateNetworkAcl CreateNetworkAclEntry "
            "CreateNetworkInterface CreateRoute CreateRouteTable CreateSubnet CreateVpc CreateVpcEndpoint "
            "DeleteDhcpOptions DeleteEgressOnlyInternetGateway DeleteFlowLogs DeleteInternetGateway "
            "DeleteManagedPrefixList DeleteNatGateway DeleteNetworkAcl DeleteNetworkAclEntry DeleteNetworkInterface "
            "DeleteRoute DeleteRouteTable DeleteSubnet DeleteVpc DeleteVpcEndpoints DetachInternetGateway "
            "DetachNetworkInterface DisassociateAddress DisassociateRouteTable DisassociateSubnetCidrBlock "
            "DisassociateVpcCidrBlock ModifyManagedPrefixList ModifyNetworkInterfaceAttribute ModifySubnetAttribute "
            "ModifyVpcAttribute ModifyVpcEndpoint ReleaseAddress ReplaceNetworkAclAssociation "
            "ReplaceNetworkAclEntry ReplaceRoute ReplaceRouteTableAssociation"
        ),
        "no packet is let through by words, nor by a group that nothing is in": (
            "CreateSecurityGroup DeleteSecurityGroup UpdateSecurityGroupRuleDescriptionsEgress "
            "UpdateSecurityGroupRuleDescriptionsIngress"
        ),
        "nobody logs in to a machine": "CreateKeyPair DeleteKeyPair ImportKeyPair",
        "what a machine consists of is not made": "ModifyInstanceAttribute",
        "tags": "CreateTags DeleteTags",
    },
    effects={
        "CreateLaunchTemplate": "machines can be launched from it",
        "CreateLaunchTemplateVersion": "machines can be launched from it",
        "AuthorizeSecurityGroupEgress": _PERMITTED,
        "AuthorizeSecurityGroupIngress": _PERMITTED,
        "ModifySecurityGroupRules": _PERMITTED,
        "RevokeSecurityGroupEgress": _FORBIDDEN,
        "RevokeSecurityGroupIngress": _FORBIDDEN,
        "DeleteLaunchTemplate": "nothing can be launched from it",
        "ModifyLaunchTemplate": "another version is the default",
    },
    tokens=dict.fromkeys(
        names(
            "CreateEgressOnlyInternetGateway CreateFlowLogs CreateLaunchTemplate CreateLaunchTemplateVersion "
            "CreateManagedPrefixList CreateNatGateway CreateNetworkAcl CreateNetworkInterface CreateRouteTable "
            "CreateVpcEndpoint ModifyLaunchTemplate RunInstances"
        ),
        Token(
            member="ClientToken",
            mismatch="IdempotentParameterMismatch",
            message="The request uses the same client token as a previous, but non-identical request.",
        ),
    ),
    note="An instance is a folder, a port and a process group that runs its user data, if that begins with #!; a "
    "virtual CPU is a quarter of a core. Networks and addresses are records: all processes share the loopback "
    "interface. Security groups decide on the way from services to Aurora, ElastiCache and MemoryDB, for all of a "
    "service at once; load balancers, AWS's endpoints and what you connect to yourself are not asked after.",
    controller="infrastructure.embedded.apis.ec2.controller:Ec2Controller",
    resources="infrastructure.embedded.apis.ec2.resources",
)
