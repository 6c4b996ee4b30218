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
    records={
        "all processes share the loopback interface": (
            "CreateCacheSubnetGroup DeleteCacheSubnetGroup ModifyCacheSubnetGroup"
        ),
        "every client is the user `default`": "CreateUser DeleteUser",
        "nothing here lives for days": "CreateSnapshot DeleteSnapshot",
        "tags": "AddTagsToResource RemoveTagsFromResource",
    },
    controller="infrastructure.embedded.apis.elasticache.controller:ElastiCacheController",
    resources="infrastructure.embedded.apis.elasticache.resources",
)
