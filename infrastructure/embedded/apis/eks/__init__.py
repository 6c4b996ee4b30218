"""EKS: clusters whose API server is the embedded cloud's own, node groups whose nodes run pods as processes."""

from infrastructure.embedded.gateway.api import Api, Token, names

_SAME = "InvalidParameterException"
_OTHER = "Client request token was used with other parameters."

API = Api(
    name="eks",
    protocol="rest-json",
    invalid="InvalidParameterException",
    kinder={
        "CreateCluster": "active in a second; ten minutes on AWS",
        "CreateNodegroup": "active in a second; minutes on AWS",
    },
    note="The API server is one process' part on loopback, with TLS and an authority of its own. Pods are processes, "
    "each with an address of its own; images are those of the services' catalogue. Of EKS Auto Mode there is the "
    "TargetGroupBinding (eks.amazonaws.com/v1, type ip), in every cluster; its `networking` is a record. A "
    "Service's address is one of 127.96.0.0/11 and leads to its pods; it has no name (DNS). Volumes are for images "
    "that run a command, and need root; stdin of containers is refused. Server-side apply knows of "
    "conflicts between those who apply, not with those who update.",
    tokens={
        name: Token(member="clientRequestToken", mismatch=_SAME, message=_OTHER)
        for name in names(
            "CreateCluster CreateNodegroup UpdateNodegroupConfig CreateAccessEntry UpdateAccessEntry CreateAddon "
            "CreatePodIdentityAssociation UpdatePodIdentityAssociation"
        )
    },
    resources="infrastructure.embedded.apis.eks.resources",
    controller="infrastructure.embedded.apis.eks.controller:EksController",
)
