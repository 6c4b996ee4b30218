"""ElastiCache: a Valkey server per cache node, a primary and its replicas per replication group."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="elasticache",
    moto="elasticache",
    handler="ElastiCacheResponse",
    protocol="query",
    effects={
        "DeleteReplicationGroup": "its servers end, its endpoints refuse",
        "ModifyReplicationGroup": "its settings; the number of nodes stays",
    },
    invalid="InvalidParameterValue",
    codes={"InvalidSubnetID.NotFound": "InvalidSubnet", "InvalidToken": "InvalidParameterValue"},
    missing="MissingParameter",
    kinder={
        "CreateReplicationGroup": "there in a second; minutes on AWS",
        "RebootCacheCluster": "back in a second; minutes on AWS",
        "TestFailover": "a replica is promoted in milliseconds; all clients are told of it at the same moment",
    },
    records={
        "all processes share the loopback interface": (
            "CreateCacheSubnetGroup DeleteCacheSubnetGroup ModifyCacheSubnetGroup"
        ),
        "servers ask for no password yet": "CreateUser DeleteUser",
        "nothing here lives for days": "CreateSnapshot DeleteSnapshot",
        "tags": "AddTagsToResource RemoveTagsFromResource",
    },
    controller="infrastructure.embedded.apis.elasticache.controller:ElastiCacheController",
    resources="infrastructure.embedded.apis.elasticache.resources",
)
