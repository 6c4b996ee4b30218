"""AWS::RDS::DBSubnetGroup, DBClusterParameterGroup, DBCluster, DBInstance; the controller runs what they describe."""

from infrastructure.embedded.stacks import database_types
from infrastructure.embedded.stacks.calls import CallApi
from infrastructure.embedded.stacks.errors import Refused
from infrastructure.embedded.stacks.resource_type import Properties


def _of_aurora(_call: CallApi, properties: Properties, _changed: frozenset[str]) -> Properties:
    if "DBClusterIdentifier" not in properties:
        raise Refused("AWS::RDS::DBInstance: the embedded cloud runs the instances of Aurora clusters only")
    return properties


TYPES = (
    database_types.subnet_group("RDS"),
    database_types.parameter_group("RDS"),
    database_types.cluster(
        "rds",
        "RDS",
        attributes={
            "DBClusterArn": "DBClusterArn",
            "DBClusterResourceId": "DbClusterResourceId",
            "Endpoint.Address": "Endpoint",
            "Endpoint.Port": "Port",
            "MasterUserSecret.SecretArn": "MasterUserSecret.SecretArn",
            "ReadEndpoint.Address": "ReaderEndpoint",
        },
    ),
    database_types.instance(
        "rds",
        "RDS",
        "PromotionTier",
        "PubliclyAccessible",
        prepare=_of_aurora,
        attributes={name: name for name in ("DBInstanceArn", "Endpoint.Address", "Endpoint.Port")},
        rename={"VPCSecurityGroups": "VpcSecurityGroupIds"},
        final=database_types.WITHOUT_SNAPSHOT,
    ),
)
