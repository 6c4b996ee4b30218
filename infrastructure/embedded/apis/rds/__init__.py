"""RDS: Aurora PostgreSQL clusters of real servers, one writer and its readers."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="rds",
    moto="rds",
    handler="RDSResponse",
    protocol="query",
    version="2014-10-31",
    effects={
        "CreateDBCluster": "endpoints that refuse until an instance runs; Aurora PostgreSQL only",
        "CreateDBInstance": "in a cluster: a PostgreSQL server, the first as writer, others as synchronous readers",
        "DeleteDBCluster": "its data is gone, its endpoints refuse",
        "DeleteDBInstance": "its server ends; a reader takes over from a writer",
        "DescribeDBClusters": "true roles and states",
        "DescribeDBInstances": "true states; each instance's own endpoint",
        "DescribeEvents": "failovers, restarts, creations as they happened",
        "FailoverDBCluster": "a reader with every commit is promoted, connections are cut, endpoints follow",
        "ModifyDBCluster": "a new master password counts at once; other settings are records",
        "ModifyDBInstance": "its settings; the server stays as it is",
        "RebootDBInstance": "the server restarts in its role",
        "StartDBCluster": "the servers run again on their data",
        "StopDBCluster": "the servers end in order, the data stays",
    },
    invalid="InvalidParameterValue",
    missing="MissingParameter",
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
    "their reader endpoint has the writer's port on 127.0.0.2. Other engines, instances outside a cluster and "
    "snapshots are records; nothing is restored.",
    controller="infrastructure.embedded.apis.rds.controller:RdsController",
    resources="infrastructure.embedded.apis.rds.resources",
)
