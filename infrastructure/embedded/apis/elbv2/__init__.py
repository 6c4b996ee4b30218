"""Elastic Load Balancing: load balancers are listeners of Envoy."""

from infrastructure.embedded.gateway.api import Api

API = Api(
    name="elasticloadbalancing",
    model="elbv2",
    moto="elbv2",
    handler="ELBV2Response",
    protocol="query",
    version="2015-12-01",
    codes={"InvalidSubnetID.NotFound": "SubnetNotFound"},
    effects={
        "DeleteListener": "the port stops listening",
        "DeleteTargetGroup": "its targets are checked no more",
        "ModifyTargetGroup": "health checks change",
    },
    kinder={
        "CreateLoadBalancer": "active at once; minutes on AWS",
        "DeregisterTargets": "all nodes stop at the same moment; nothing is cut when the delay ends, also not where "
        "connections are to be terminated",
        "RegisterTargets": "connections of a network load balancer to a target that turns unhealthy live on",
        "ModifyListener": "at all nodes at once; seconds apart on AWS",
        "ModifyRule": "at all nodes at once; seconds apart on AWS",
    },
    records={
        "listeners speak plain HTTP here": (
            "AddListenerCertificates RemoveListenerCertificates ModifyListenerAttributes"
        ),
        "all processes share the loopback interface": "SetIpAddressType SetSecurityGroups SetSubnets",
        "tags": "AddTags RemoveTags",
    },
    note="A load balancer's DNSName is an address of loopback that is its own. A listener answers there at its own "
    "port where every process may open it, else at a free one: the tag `aws:cloudcafe:url` of the listener "
    "(DescribeTags) is its URL.",
    controller="infrastructure.embedded.apis.elbv2.controller:Elbv2Controller",
    resources="infrastructure.embedded.apis.elbv2.resources",
)
