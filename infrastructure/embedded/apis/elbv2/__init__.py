"""Elastic Load Balancing: Application Load Balancers are listeners of Envoy."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="elasticloadbalancing",
    model="elbv2",
    moto="elbv2",
    handler="ELBV2Response",
    protocol="query",
    version="2015-12-01",
    effects={
        "CreateListener": "a port listens",
        "CreateLoadBalancer": "its listeners listen",
        "CreateRule": "routes change",
        "CreateTargetGroup": "its targets are checked once a listener sends to it",
        "DeleteListener": "the port stops listening",
        "DeleteLoadBalancer": "its ports stop listening",
        "DeleteRule": "routes change",
        "DeleteTargetGroup": "its targets are checked no more",
        "DeregisterTargets": "no new requests at once; drains, then is gone",
        "DescribeTargetHealth": "answers what the health checks found",
        "ModifyListener": "default action changes",
        "ModifyLoadBalancerAttributes": "idle_timeout.timeout_seconds applies",
        "ModifyRule": "routes change",
        "ModifyTargetGroup": "health checks change",
        "ModifyTargetGroupAttributes": "deregistration delay and algorithm apply",
        "RegisterTargets": "health checks start; a healthy target gets requests",
        "SetRulePriorities": "routes change",
    },
    records={
        "listeners speak plain HTTP here": (
            "AddListenerCertificates RemoveListenerCertificates ModifyListenerAttributes"
        ),
        "all processes share the loopback interface": "SetIpAddressType SetSecurityGroups SetSubnets",
        "tags": "AddTags RemoveTags",
    },
    controller="infrastructure.embedded.apis.elbv2.controller:Elbv2Controller",
    resources="infrastructure.embedded.apis.elbv2.resources",
)
