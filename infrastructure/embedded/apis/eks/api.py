"""EKS calls: clusters, node groups, access entries, add-ons. The records are kept here; the controller follows them.

Source: https://docs.aws.amazon.com/eks/latest/APIReference/
"""

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from infrastructure.embedded.apis.eks.record import (
    ADMIN_POLICY,
    POLICIES,
    SIZES,
    VERSION,
    AccessEntry,
    Addon,
    ClusterRecord,
    NodeGroup,
    Shown,
    now,
)
from infrastructure.embedded.gateway.operations import Members, Output, operation
from infrastructure.embedded.gateway.refused import Refused, unsupported
from infrastructure.embedded.gateway.signing import credentials

Record = Any  # moto's EC2 back end, which publishes no types
_ADDONS: Mapping[str, str] = {
    "vpc-cni": "v1.20.4-eksbuild.1",
    "coredns": "v1.12.4-eksbuild.1",
    "kube-proxy": f"v{VERSION}.0-eksbuild.1",
    "metrics-server": "v0.8.0-eksbuild.1",
    "eks-pod-identity-agent": "v1.3.9-eksbuild.1",
}
_PART_OF_US = "the network, names and metrics of pods are part of the cluster here, with or without it"


class EksApi:
    """Answers from `clusters`, by name. `zone_of` and the like are asked of EC2's records."""

    def __init__(self, ec2: Record, account: str, region: str) -> None:
        self._ec2 = ec2
        self._account = account
        self._region = region
        self.clusters: dict[str, ClusterRecord] = {}

    # --- clusters -----------------------------------------------------------------------------------------------------

    @operation("CreateCluster", effect="an API server of its own, with controllers, at an endpoint with TLS")
    def create_cluster(self, given: Members) -> Output:
        name = given["name"]
        if name in self.clusters:
            raise Refused("ResourceInUseException", f"Cluster already exists with name: {name}", status=409)
        if given.get("version", VERSION) != VERSION:
            raise _invalid(f"unsupported Kubernetes version: the embedded cloud has {VERSION}")
        subnets = self._subnets(given["resourcesVpcConfig"].get("subnetIds") or [])
        if len({each.availability_zone for each in subnets}) < 2:
            raise _invalid("Subnets specified must be in at least two different AZs")
        made = ClusterRecord(
            name=name,
            arn=self._arn("cluster", name),
            given=dict(given),
            vpc=str(subnets[0].vpc_id),
            tags=dict(given.get("tags") or {}),
        )
        self.clusters[name] = made
        caller = credentials.caller.get()
        if caller is not None and (given.get("accessConfig") or {}).get(
            "bootstrapClusterCreatorAdminPermissions", True
        ):
            self._add_entry(made, principal_of(caller.principal.arn)).policies[ADMIN_POLICY] = now()
        return {"cluster": made.shown()}

    @operation("DescribeCluster")
    def describe_cluster(self, given: Members) -> Output:
        return {"cluster": self._cluster(given["name"]).shown()}

    @operation("ListClusters")
    def list_clusters(self, _given: Members) -> Output:
        return {"clusters": list(self.clusters)}

    @operation("DeleteCluster", effect="its pods' processes end, its API server refuses")
    def delete_cluster(self, given: Members) -> Output:
        found = self._cluster(given["name"])
        if found.groups:
            raise Refused("ResourceInUseException", "Cluster has nodegroups attached", status=409)
        found.status = "DELETING"
        return {"cluster": found.shown()}

    # --- node groups --------------------------------------------------------------------------------------------------

    @operation("CreateNodegroup", effect="nodes in the subnets' zones, which take pods")
    def create_group(self, given: Members) -> Output:
        cluster, name = self._active(given["clusterName"]), given["nodegroupName"]
        if name in cluster.groups:
            text = f"NodeGroup already exists with name {name} and cluster name {cluster.name}"
            raise Refused("ResourceInUseException", text, status=409)
        for each in ("launchTemplate", "remoteAccess"):
            if given.get(each):
                raise unsupported(f"a node group with {each}")
        if len(given.get("instanceTypes") or [""]) > 1:
            raise unsupported("a node group of more than one instance type")
        self._subnets(given["subnets"])
        made = NodeGroup(
            name=name,
            arn=f"{self._arn('nodegroup', cluster.name)}/{name}/{uuid.uuid4()}",
            cluster=cluster.name,
            given=dict(given),
            scaling=_scaling(given.get("scalingConfig") or {}, {"minSize": 1, "maxSize": 2, "desiredSize": 2}),
            labels=dict(given.get("labels") or {}),
            taints=list(given.get("taints") or []),
            tags=dict(given.get("tags") or {}),
        )
        if made.instance_type not in SIZES:
            raise _invalid(f"[{made.instance_type}] is not known here; known instance types: {', '.join(SIZES)}")
        cluster.groups[name] = made
        return {"nodegroup": made.shown()}

    @operation("DescribeNodegroup")
    def describe_group(self, given: Members) -> Output:
        return {"nodegroup": self._group(given).shown()}

    @operation("ListNodegroups")
    def list_groups(self, given: Members) -> Output:
        return {"nodegroups": list(self._cluster(given["clusterName"]).groups)}

    @operation("UpdateNodegroupConfig", effect="nodes join and leave; labels and taints follow on new nodes")
    def update_group(self, given: Members) -> Output:
        group = self._group(given)
        group.scaling = _scaling(given.get("scalingConfig") or {}, group.scaling)
        labels = given.get("labels") or {}
        kept = {k: v for k, v in group.labels.items() if k not in (labels.get("removeLabels") or [])}
        group.labels = {**kept, **(labels.get("addOrUpdateLabels") or {})}
        taints = given.get("taints") or {}
        changed = [*(taints.get("removeTaints") or []), *(taints.get("addOrUpdateTaints") or [])]
        keys = {(each["key"], each["effect"]) for each in changed}
        group.taints = [each for each in group.taints if (each["key"], each["effect"]) not in keys]
        group.taints += taints.get("addOrUpdateTaints") or []
        group.status = "UPDATING"
        made = {"id": str(uuid.uuid4()), "status": "InProgress", "type": "ConfigUpdate", "params": [], "errors": []}
        return {"update": {**made, "createdAt": now()}}

    @operation("DeleteNodegroup", effect="its nodes leave, their pods are made anew elsewhere")
    def delete_group(self, given: Members) -> Output:
        group = self._group(given)
        group.status = "DELETING"
        return {"nodegroup": group.shown()}

    # --- access -------------------------------------------------------------------------------------------------------

    @operation("CreateAccessEntry", effect="the principal's tokens are taken, with these groups")
    def create_entry(self, given: Members) -> Output:
        cluster, principal = self._cluster(given["clusterName"]), given["principalArn"]
        if principal in cluster.entries:
            text = "The specified access entry resource is already in use on this cluster."
            raise Refused("ResourceInUseException", text, status=409)
        groups = list(given.get("kubernetesGroups") or [])
        if any(each.startswith("system:") for each in groups):
            raise _invalid("The kubernetes group name must not begin with system:")
        made = self._add_entry(cluster, principal)
        made.user, made.groups = given.get("username") or principal, groups
        made.kind, made.tags = given.get("type", "STANDARD"), dict(given.get("tags") or {})
        return {"accessEntry": made.shown()}

    @operation("DescribeAccessEntry")
    def describe_entry(self, given: Members) -> Output:
        return {"accessEntry": self._entry(given).shown()}

    @operation("ListAccessEntries")
    def list_entries(self, given: Members) -> Output:
        return {"accessEntries": list(self._cluster(given["clusterName"]).entries)}

    @operation("UpdateAccessEntry", effect="the principal's groups and name from now on")
    def update_entry(self, given: Members) -> Output:
        found = self._entry(given)
        if "kubernetesGroups" in given:
            found.groups = list(given["kubernetesGroups"])
        found.user = given.get("username") or found.user
        return {"accessEntry": found.shown()}

    @operation("DeleteAccessEntry", effect="the principal's tokens are refused")
    def delete_entry(self, given: Members) -> Output:
        found = self._entry(given)
        del self.clusters[found.cluster].entries[found.principal]
        return {}

    @operation("AssociateAccessPolicy", effect="the principal may do what the policy says, in the whole cluster")
    def associate_policy(self, given: Members) -> Output:
        found, policy = self._entry(given), given["policyArn"]
        if policy not in POLICIES:
            raise unsupported(f"the access policy {policy}; known: {', '.join(POLICIES)}")
        if given["accessScope"].get("type") == "namespace":
            raise unsupported("an access policy for some namespaces: bind a role to the entry's groups")
        found.policies[policy] = now()
        return {**_named(found), "associatedAccessPolicy": _policy(policy, found)}

    @operation("DisassociateAccessPolicy", effect="what the policy allowed is refused")
    def disassociate_policy(self, given: Members) -> Output:
        found = self._entry(given)
        if found.policies.pop(given["policyArn"], None) is None:
            raise _not_found(f"No associated policy could be found for {given['policyArn']}")
        return {}

    @operation("ListAssociatedAccessPolicies")
    def list_policies(self, given: Members) -> Output:
        found = self._entry(given)
        return {**_named(found), "associatedAccessPolicies": [_policy(each, found) for each in found.policies]}

    # --- add-ons and tags ---------------------------------------------------------------------------------------------

    @operation("CreateAddon", record=_PART_OF_US)
    def create_addon(self, given: Members) -> Output:
        cluster, name = self._active(given["clusterName"]), given["addonName"]
        if name not in _ADDONS:
            raise _invalid(f"Addon {name} specified is not supported in {VERSION} kubernetes version")
        if name in cluster.addons:
            raise Refused("ResourceInUseException", "Addon already exists.", status=409)
        version = given.get("addonVersion") or _ADDONS[name]
        arn = f"{self._arn('addon', cluster.name)}/{name}/{uuid.uuid4()}"
        made = Addon(name=name, arn=arn, cluster=cluster.name, version=version, tags=dict(given.get("tags") or {}))
        cluster.addons[name] = made
        return {"addon": made.shown("CREATING")}

    @operation("DescribeAddon")
    def describe_addon(self, given: Members) -> Output:
        return {"addon": self._addon(given).shown()}

    @operation("ListAddons")
    def list_addons(self, given: Members) -> Output:
        return {"addons": list(self._cluster(given["clusterName"]).addons)}

    @operation("DeleteAddon", record=_PART_OF_US)
    def delete_addon(self, given: Members) -> Output:
        found = self._addon(given)
        del self.clusters[found.cluster].addons[found.name]
        return {"addon": found.shown("DELETING")}

    @operation("ListTagsForResource")
    def list_tags(self, given: Members) -> Output:
        return {"tags": dict(self._tags(given["resourceArn"]))}

    @operation("TagResource", record="tags")
    def tag(self, given: Members) -> Output:
        self._tags(given["resourceArn"]).update(given["tags"])
        return {}

    @operation("UntagResource", record="tags")
    def untag(self, given: Members) -> Output:
        tags = self._tags(given["resourceArn"])
        for key in given["tagKeys"]:
            tags.pop(key, None)
        return {}

    def tagged(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Every resource with its tags."""
        for cluster in self.clusters.values():
            yield cluster.arn, cluster.tags
            for found in (cluster.groups, cluster.entries, cluster.addons):
                yield from ((each.arn, each.tags) for each in found.values())

    # --- what is looked up --------------------------------------------------------------------------------------------

    def zone(self, subnet: str) -> str:
        """The availability zone of a subnet."""
        return str(self._subnets([subnet])[0].availability_zone)

    def _tags(self, arn: str) -> dict[str, str]:
        found = next((tags for each, tags in self.tagged() if each == arn), None)
        if found is None:
            raise Refused("NotFoundException", "The specified resource could not be found", status=404)
        return found

    def _cluster(self, name: str) -> ClusterRecord:
        if name not in self.clusters:
            raise _not_found(f"No cluster found for name: {name}.")
        return self.clusters[name]

    def _active(self, name: str) -> ClusterRecord:
        found = self._cluster(name)
        if found.status != "ACTIVE":
            raise Refused("InvalidRequestException", f"Cluster '{name}' is not in ACTIVE status")
        return found

    def _group(self, given: Members) -> NodeGroup:
        found = self._cluster(given["clusterName"]).groups.get(given["nodegroupName"])
        if found is None:
            raise _not_found(f"No node group found for name: {given['nodegroupName']}.")
        return found

    def _entry(self, given: Members) -> AccessEntry:
        found = self._cluster(given["clusterName"]).entries.get(given["principalArn"])
        if found is None:
            raise _not_found(
                "The specified principalArn could not be found. You can view your available access entries."
            )
        return found

    def _addon(self, given: Members) -> Addon:
        found = self._cluster(given["clusterName"]).addons.get(given["addonName"])
        if found is None:
            raise _not_found(f"No addon: {given['addonName']} found in cluster: {given['clusterName']}")
        return found

    def _add_entry(self, cluster: ClusterRecord, principal: str) -> AccessEntry:
        who = principal.rpartition(":")[2].replace("/", f"/{self._account}/", 1)
        made = AccessEntry(
            principal=principal,
            arn=f"{self._arn('access-entry', cluster.name)}/{who}/{uuid.uuid4()}",
            cluster=cluster.name,
            user=principal,
        )
        cluster.entries[principal] = made
        return made

    def _subnets(self, ids: list[str]) -> list[Any]:
        known = {each.id: each for each in self._ec2.describe_subnets()}
        missing = [each for each in ids if each not in known]
        if missing or not ids:
            raise _invalid(f"The subnet ID '{', '.join(missing)}' does not exist")
        return [known[each] for each in ids]

    def _arn(self, kind: str, name: str) -> str:
        return f"arn:aws:eks:{self._region}:{self._account}:{kind}/{name}"


def principal_of(arn: str) -> str:
    """The IAM principal behind a caller: of a role's session, the role."""
    if ":assumed-role/" not in arn:
        return arn
    account, role = arn.split(":")[4], arn.split("/")[1]
    return f"arn:aws:iam::{account}:role/{role}"


def _scaling(given: Mapping[str, int], former: Mapping[str, int]) -> dict[str, int]:
    made = {**former, **given}
    if not made["minSize"] <= made["desiredSize"] <= made["maxSize"]:
        low, high, wanted = made["minSize"], made["maxSize"], made["desiredSize"]
        if wanted > high:
            raise _invalid(f"desired capacity {wanted} can't be greater than max size {high}")
        raise _invalid(f"Minimum capacity {low} can't be greater than desired size {wanted}")
    return made


def _policy(arn: str, entry: AccessEntry) -> Shown:
    times = dict.fromkeys(("associatedAt", "modifiedAt"), entry.policies[arn])
    return {"policyArn": arn, "accessScope": {"type": "cluster", "namespaces": []}, **times}


def _named(entry: AccessEntry) -> Shown:
    return {"clusterName": entry.cluster, "principalArn": entry.principal}


def _invalid(message: str) -> Refused:
    return Refused("InvalidParameterException", message)


def _not_found(message: str) -> Refused:
    return Refused("ResourceNotFoundException", message, status=404)
