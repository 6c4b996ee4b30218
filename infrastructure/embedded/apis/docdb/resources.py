"""AWS::DocDB::DBSubnetGroup, DBClusterParameterGroup, DBCluster, DBInstance; the controller runs what they describe."""

from infrastructure.embedded.stacks import database_types
from infrastructure.embedded.stacks.prepare import secrets_resolved

_ENGINE = {"Engine": "docdb"}

TYPES = (
    database_types.subnet_group("DocDB"),
    database_types.parameter_group("DocDB", name="Name", rename={"Name": "DBClusterParameterGroupName"}),
    database_types.cluster(
        "docdb",
        "DocDB",
        "MasterUserPassword",
        create=_ENGINE,
        prepare=secrets_resolved,
        attributes={
            "ClusterResourceId": "DbClusterResourceId",
            "Endpoint": "Endpoint",
            "Port": "Port",
            "ReadEndpoint": "ReaderEndpoint",
        },
    ),
    database_types.instance(
        "docdb",
        "DocDB",
        create=_ENGINE,
        attributes={"Endpoint": "Endpoint.Address", "Port": "Endpoint.Port"},
    ),
)
