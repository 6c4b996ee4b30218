"""EKS calls on add-ons. What most of them bring is part of the cluster here, with or without them; two are asked after:
without the pods' identity agent no pod has the role of its association, without CloudWatch's agent there are no
figures of pods.

Source: https://docs.aws.amazon.com/eks/latest/userguide/eks-add-ons.html
"""

import uuid
from collections.abc import Mapping

from infrastructure.embedded.apis.eks.clusters import Clusters, in_use, invalid, not_found
from infrastructure.embedded.apis.eks.record import IDENTITY_AGENT, INSIGHTS, VERSION, Addon
from infrastructure.embedded.gateway.operations import Members, Output, operation

_ADDONS: Mapping[str, str] = {
    "vpc-cni": "v1.20.4-eksbuild.1",
    "coredns": "v1.12.4-eksbuild.1",
    "kube-proxy": f"v{VERSION}.0-eksbuild.1",
    "metrics-server": "v0.8.0-eksbuild.1",
    IDENTITY_AGENT: "v1.3.9-eksbuild.1",
    INSIGHTS: "v4.4.0-eksbuild.1",
}
_EFFECT = "pods have their associations' roles, figures of pods are reported, by the add-ons that do so"


class AddonCalls:
    """Answers from `clusters`."""

    def __init__(self, clusters: Clusters) -> None:
        self.clusters = clusters

    @operation("CreateAddon", effect=_EFFECT)
    def create_addon(self, given: Members) -> Output:
        cluster, name = self.clusters.active(given["clusterName"]), given["addonName"]
        if name not in _ADDONS:
            raise invalid(f"Addon {name} specified is not supported in {VERSION} kubernetes version")
        if name in cluster.addons:
            raise in_use("Addon already exists.")
        version = given.get("addonVersion") or _ADDONS[name]
        arn = f"{self.clusters.arn('addon', cluster.name)}/{name}/{uuid.uuid4()}"
        made = Addon(name=name, arn=arn, cluster=cluster.name, version=version, tags=dict(given.get("tags") or {}))
        cluster.addons[name] = made
        return {"addon": made.shown("CREATING")}

    @operation("DescribeAddon")
    def describe_addon(self, given: Members) -> Output:
        return {"addon": self._addon(given).shown()}

    @operation("ListAddons")
    def list_addons(self, given: Members) -> Output:
        return {"addons": list(self.clusters.cluster(given["clusterName"]).addons)}

    @operation("DeleteAddon", effect="what it brought is taken away")
    def delete_addon(self, given: Members) -> Output:
        found = self._addon(given)
        del self.clusters.all[found.cluster].addons[found.name]
        return {"addon": found.shown("DELETING")}

    def _addon(self, given: Members) -> Addon:
        found = self.clusters.cluster(given["clusterName"]).addons.get(given["addonName"])
        if found is None:
            raise not_found(f"No addon: {given['addonName']} found in cluster: {given['clusterName']}")
        return found
