"""ElastiCache: a Valkey server per cache node, a primary and its replicas per replication group."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="elasticache",
    moto="elasticache",
    handler="ElastiCacheResponse",
    protocol="query",
    effects={
        "DeleteReplicationGroup": "its servers end, its endpoints refuse",
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
        "every client is the user `default`": "CreateUser DeleteUser",
        "nothing here lives for days": "CreateSnapshot DeleteSnapshot",
        "tags": "AddTagsToResource RemoveTagsFromResource",
    },
    note="Servers speak plain text and ask for a password always: the AUTH token, or where AWS asks for none that of "
    "`cafe env`. The commands that ElastiCache withholds are unknown, but for PSYNC and SYNC: NOPERM.",
    controller="infrastructure.embedded.apis.elasticache.controller:ElastiCacheController",
    resources="infrastructure.embedded.apis.elasticache.resources",
)
