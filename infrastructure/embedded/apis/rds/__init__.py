"""RDS: Aurora PostgreSQL clusters of real servers, one writer and its readers."""

from infrastructure.embedded.gateway.api import Api, names

API = Api(
    name="rds",
    moto="rds",
    handler="RDSResponse",
    protocol="query",
    version="2014-10-31",
    invalid="InvalidParameterValue",
    codes={"InvalidSubnetID.NotFound": "InvalidSubnet", "InvalidToken": "InvalidParameterValue"},
    refused=names("DescribeBlueGreenDeployments DescribeDBLogFiles"),
    missing="MissingParameter",
    kinder={
        "CreateDBInstance": "there in seconds; minutes on AWS",
        "FailoverDBCluster": (
            "promoted in tenths of a second, mostly under 30 s on AWS; the writer's name is moved for all clients at "
            "the same moment, the reader's without delay"
        ),
        "ModifyDBCluster": "a password counts at once",
        "RebootDBInstance": "back in a second",
    },
    records={
        "servers run with settings of their own": (
            "CopyDBClusterParameterGroup CopyDBParameterGroup CreateDBClusterParameterGroup CreateDBParameterGroup "
            "CreateOptionGroup DeleteDBClusterParameterGroup DeleteDBParameterGroup DeleteOptionGroup "
            "ModifyDBClusterParameterGroup ModifyDBParameterGroup ModifyOptionGroup"
        ),
        "all processes share the loopback interface": "CreateDBSubnetGroup DeleteDBSubnetGroup ModifyDBSubnetGroup",
        "nothing is restored from them: snapshots hold no data": (
            "CopyDBClusterSnapshot CopyDBSnapshot CreateDBClusterSnapshot CreateDBSnapshot DeleteDBClusterSnapshot "
            "DeleteDBSnapshot ModifyDBClusterSnapshotAttribute ModifyDBSnapshotAttribute"
        ),
        "no call is authorised by roles": "AddRoleToDBCluster AddRoleToDBInstance",
        "events are read with DescribeEvents": "CreateEventSubscription DeleteEventSubscription",
        "tags": "AddTagsToResource RemoveTagsFromResource",
    },
    note="Clusters of Aurora PostgreSQL are PostgreSQL servers of one version, whatever EngineVersion is recorded; "
    "their reader endpoint has the writer's port on 127.0.0.2. Other engines and instances outside a cluster are "
    "refused; snapshots are records, nothing is restored.",
    controller="infrastructure.embedded.apis.rds.controller:RdsController",
    resources="infrastructure.embedded.apis.rds.resources",
)
