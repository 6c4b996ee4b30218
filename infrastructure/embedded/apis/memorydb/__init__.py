"""MemoryDB: a primary and its replicas with an append-only file: what is acknowledged outlives any of them."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="memorydb",
    moto="memorydb",
    handler="MemoryDBResponse",
    protocol="json",
    target="AmazonMemoryDB",
    codes={"InvalidSubnetError": "InvalidSubnet"},
    kinder={
        "CreateCluster": "there in a second; minutes on AWS",
        "FailoverShard": "the endpoint leads to the new primary at once; AWS's clients learn of it by MOVED",
    },
    records={
        "all processes share the loopback interface": "CreateSubnetGroup DeleteSubnetGroup",
        "every client is the user `default`": "CreateUser UpdateUser DeleteUser",
        "nothing here lives for days": "CreateSnapshot DeleteSnapshot",
    },
    note="A cluster has one shard, and its servers speak Redis's protocol with cluster mode disabled, without TLS. "
    "Access control lists and users are records: every client is the user `default`, with the password of "
    "`cafe env`, which the open access of AWS would not ask for.",
    controller="infrastructure.embedded.apis.memorydb.controller:MemoryDbController",
    resources="infrastructure.embedded.apis.memorydb.resources",
)
